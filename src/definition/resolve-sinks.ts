/** `sinks`, `state` and `rejects` of the file: places, each of which must be another one. */
import path from 'node:path'
import type { OnlineDefinition, Pipeline, SinkDefinitions } from '../core/definition.ts'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'
import type { PipelineFile } from './schema.ts'

export type ResolvedPlaces = Pick<Pipeline, 'sinks' | 'state' | 'rejects'>

export function resolvePlaces(
  file: PipelineFile,
  directory: string,
  report: Report,
): ResolvedPlaces {
  const state = path.resolve(directory, file.state)
  const online = resolveOnline(file.sinks.online, directory, report)
  const { offline } = file.sinks
  const sinks: SinkDefinitions = {
    ...(online && { online }),
    ...(offline && {
      offline: {
        kind: 'delta',
        location: path.resolve(directory, offline.delta),
        slots: offline.slots,
        correctionsEveryMs: offline.correctionsEvery,
      },
    }),
  }
  const files = file.rejects.files
  const rejects = {
    directory: files === undefined ? path.join(state, 'rejects') : path.resolve(directory, files),
    limit: file.rejects.limit,
  }
  checkApart(placesOf(file), directory, report)
  return { sinks, state, rejects }
}

function resolveOnline(
  online: PipelineFile['sinks']['online'],
  directory: string,
  report: Report,
): OnlineDefinition | undefined {
  if (online === undefined) return undefined
  const at = ['sinks', 'online']
  const { leveldb, redis, prefix } = online
  if ((leveldb === undefined) === (redis === undefined)) {
    const found = leveldb === undefined ? 'neither' : 'both'
    report.add(at, `expected one of \`leveldb\` and \`redis\`, found ${found}`, 'key')
  }
  if (leveldb !== undefined) {
    return { kind: 'leveldb', directory: path.resolve(directory, leveldb), prefix }
  }
  if (redis === undefined) return undefined
  if (!URL.canParse(redis) || !/^rediss?:$/.test(new URL(redis).protocol)) {
    const redisAt = [...at, 'redis']
    // Not the value: it may hold a password.
    report.add(redisAt, 'expected a URL that begins with redis:// or rediss://')
  }
  return { kind: 'redis', url: redis, prefix }
}

interface Place {
  readonly at: Path
  readonly given: string | undefined
}

function placesOf({ source, state, sinks, rejects }: PipelineFile): Place[] {
  const { files } = source
  return [
    { at: ['source', 'files'], given: typeof files === 'string' ? files : files?.directory },
    { at: ['state'], given: state },
    { at: ['sinks', 'online', 'leveldb'], given: sinks.online?.leveldb },
    { at: ['sinks', 'offline', 'delta'], given: sinks.offline?.delta },
    { at: ['rejects', 'files'], given: rejects.files },
  ]
}

/** Two kinds of files in one directory would be taken for each other. */
function checkApart(places: readonly Place[], directory: string, report: Report): void {
  const taken = new Map<string, Path>()
  for (const { at, given } of places) {
    if (given === undefined) continue
    const absolute = path.resolve(directory, given)
    const other = taken.get(absolute)
    if (other === undefined) taken.set(absolute, at)
    else
      report.add(
        at,
        `expected a directory of its own; ${report.show(at, given)} is that of \`${other.join('.')}\` too`,
      )
  }
}
