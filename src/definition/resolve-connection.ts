/** Addresses and TLS of the file -> what adapters connect with. */
import path from 'node:path'
import type { TlsDefinition } from '../core/definition.ts'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'
import type { KafkaFile } from './schema.ts'
import { isPem } from './secret.ts'

const ADDRESS = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/@[\]]+)):(\d{1,5})$/
const PORT_MAX = 65_535

export interface Address {
  readonly host: string
  readonly port: number
}

/** `host:port` or `[v6]:port`; undefined where it is neither. */
export function parseAddress(text: string): Address | undefined {
  const [, v6, host = v6, port] = ADDRESS.exec(text) ?? []
  return host === undefined || Number(port) > PORT_MAX ? undefined : { host, port: Number(port) }
}

/** Each text may list several, separated by commas. */
export function resolveAddresses(texts: readonly string[], at: Path, report: Report): string[] {
  const isSingle = report.textAt(at) !== undefined
  return texts.flatMap((text, index) => {
    const listed = text.split(',').map((each) => each.trim())
    const isGood = listed.every((each) => (parseAddress(each)?.port ?? 0) > 0)
    const itemAt = isSingle ? at : [...at, index]
    if (!isGood) {
      const found = report.show(itemAt, text)
      report.add(itemAt, `expected \`host:port\`, several separated by commas, found ${found}`)
    }
    return listed
  })
}

type TlsFile = NonNullable<KafkaFile['tls']>

interface TlsSurroundings {
  readonly directory: string
  readonly report: Report
}

export function resolveTls(
  tls: TlsFile | undefined,
  at: Path,
  { directory, report }: TlsSurroundings,
): TlsDefinition | undefined {
  if (tls === undefined || tls === false) return undefined
  if (tls === true) return {}
  const { certificate, key } = tls
  if ((certificate === undefined) !== (key === undefined)) {
    const [has, lacks] = key === undefined ? ['certificate', 'key'] : ['key', 'certificate']
    report.add(
      [...at, has],
      `expected \`${lacks}\` beside \`${has}\`: mutual TLS needs both`,
      'key',
    )
  }
  const files: { -readonly [Name in keyof TlsDefinition]: string } = {}
  for (const name of ['ca', 'certificate', 'key'] as const) {
    const file = tls[name]
    if (file === undefined) continue
    if (isPem(file)) {
      report.add([...at, name], 'expected the name of a PEM file, found what stands in one')
    }
    files[name] = path.resolve(directory, file)
  }
  return files
}
