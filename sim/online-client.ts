/** The online store over the network of one process: it writes part of its values before it dies, and loses its connection with its server. */
import type { OnlineStore, ScanPosition } from '../src/engine/ports.ts'
import { TidemarkError } from '../src/errors.ts'
import type { Coverage } from './coverage.ts'
import type { OnlineServer } from './online-server.ts'
import type { Network } from './network.ts'

/** A page of a walk, so that walks take several steps over few values. */
const WALK_PAGE_MAX = 3

export interface OnlineClientParts {
  readonly server: OnlineServer
  readonly network: Network
  /** Name of the process. */
  readonly process: string
  readonly coverage: Coverage
  /** Of the state as it was opened: a scan that was under way. */
  readonly scanOf: (partition: number) => ScanPosition | undefined
}

export function onlineClient(parts: OnlineClientParts): OnlineStore {
  const { server, network, process, coverage, scanOf } = parts
  const connection = { incarnation: server.store.incarnation }
  const ask = <T>(
    name: string,
    { detail = '', isDurable = false },
    act: (part: number) => Promise<T>,
  ): Promise<T> =>
    network.call({ place: 'online', name, isDurable, detail }, (part) => {
      const { incarnation } = server.store
      if (connection.incarnation === incarnation) return act(part)
      // The server was started again since: what was sent into the old connection is lost, and told as such.
      connection.incarnation = incarnation
      throw new TidemarkError('ONLINE_UNAVAILABLE', `${name}: the connection was lost`)
    })
  return {
    get incarnation() {
      return connection.incarnation
    },
    write: (values) => {
      const detail = values
        .map(({ entity, version: v }) => `${entity}=${v.generation}.${v.offset}.${v.day}`)
        .join(' ')
      return ask('online write', { detail, isDurable: true }, (part) =>
        server.write(process, values.slice(0, Math.ceil(values.length * part))),
      )
    },
    read: (view, entity) => ask('online read', {}, () => server.store.read(view, entity)),
    marker: (partition) =>
      ask('read marker', { detail: `[${partition}]` }, async () => {
        const marker = await server.readMarker(process, partition)
        const scan = scanOf(partition)
        if (
          scan !== undefined &&
          scan.id === marker?.scanId &&
          scan.incarnation === connection.incarnation
        )
          coverage.hit('path scan resumed')
        return marker
      }),
    advanceMarker: (partition, marker, expected) => {
      const detail = `[${partition}] ${marker.generation}.${marker.position}.${marker.asOf} ${marker.scanId ?? ''}`
      return ask('online marker', { detail, isDurable: true }, () =>
        server.advance(partition, marker, expected),
      )
    },
    forgetMarker: (partition) =>
      ask('forget marker', { detail: `[${partition}]` }, () =>
        server.store.forgetMarker(partition),
      ),
    walk: (view, whose, cursor, limit) =>
      ask('walk', { detail: `${view} [${typeof whose === 'number' ? whose : 'any'}]` }, () =>
        server.walk(view, whose, cursor, Math.min(limit, WALK_PAGE_MAX)),
      ),
    nowMs: () => ask('online time', {}, () => server.store.nowMs()),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
