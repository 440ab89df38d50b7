/** `sinks`, `state`, `checkpoints` and `rejects` of the file: places, each of which must be another one. */
import path from 'node:path'
import type { OnlineDefinition, Pipeline, SinkDefinitions } from '../core/definition.ts'
import { locationText } from '../storage/location.ts'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'
import { resolveRedis } from './resolve-redis.ts'
import { resolveCheckpoints, resolveLocation, resolveS3 } from './resolve-storage.ts'
import type { PipelineFile } from './schema.ts'
import { parseLocation } from './storage-location.ts'

export type ResolvedPlaces = Pick<Pipeline, 'sinks' | 'state' | 'checkpoints' | 'rejects'>

export function resolvePlaces(
  file: PipelineFile,
  directory: string,
  report: Report,
): ResolvedPlaces {
  const state = path.resolve(directory, file.state)
  const online = resolveOnline(file.sinks.online, directory, report)
  const { offline } = file.sinks
  const storage = { directory, s3: resolveS3(file.s3, report), report }
  const checkpoints = resolveCheckpoints(file.checkpoints, storage)
  const sinks: SinkDefinitions = {
    ...(online && { online }),
    ...(offline && {
      offline: {
        kind: 'delta',
        location: resolveLocation(offline.delta, ['sinks', 'offline', 'delta'], storage),
        slots: offline.slots,
        correctionsEveryMs: offline.correctionsEvery,
      },
    }),
  }
  checkApart(placesOf(file), directory, report)
  return {
    sinks,
    state,
    ...(checkpoints && { checkpoints }),
    rejects: resolveRejects(file, { state, directory, report }),
  }
}

interface RejectSurroundings {
  readonly state: string
  readonly directory: string
  readonly report: Report
}

function resolveRejects(
  { rejects, source }: PipelineFile,
  { state, directory, report }: RejectSurroundings,
): Pipeline['rejects'] {
  const { files, topic, limit } = rejects
  const at = ['rejects', 'topic']
  if (topic !== undefined && files !== undefined) {
    report.add(at, 'expected one of `files` and `topic`, found both', 'key')
  }
  if (topic !== undefined && source.kafka === undefined) {
    report.add(at, 'expected only beside `source.kafka`, whose brokers hold the topic', 'key')
  }
  if (topic !== undefined && topic === source.kafka?.topic) {
    report.add(at, 'expected another topic than that of `source.kafka`, which would be read again')
  }
  return {
    directory: files === undefined ? path.join(state, 'rejects') : path.resolve(directory, files),
    ...(topic !== undefined && { topic }),
    limit,
  }
}

function resolveOnline(
  online: PipelineFile['sinks']['online'],
  directory: string,
  report: Report,
): OnlineDefinition | undefined {
  if (online === undefined) return undefined
  const at = ['sinks', 'online']
  const { leveldb, redis, prefix, scanRate } = online
  if ((leveldb === undefined) === (redis === undefined)) {
    const found = leveldb === undefined ? 'neither' : 'both'
    report.add(at, `expected one of \`leveldb\` and \`redis\`, found ${found}`, 'key')
  }
  const pace = scanRate === undefined ? {} : { scanRate }
  if (leveldb !== undefined) {
    return { kind: 'leveldb', directory: path.resolve(directory, leveldb), prefix, ...pace }
  }
  if (redis === undefined) return undefined
  const servers = resolveRedis(redis, { prefix, directory, report })
  return { ...servers, ...pace }
}

interface Place {
  readonly at: Path
  readonly given: string | undefined
}

function placesOf({ source, state, sinks, checkpoints, rejects }: PipelineFile): Place[] {
  const { files } = source
  return [
    { at: ['source', 'files'], given: typeof files === 'string' ? files : files?.directory },
    { at: ['state'], given: state },
    { at: ['sinks', 'online', 'leveldb'], given: sinks.online?.leveldb },
    { at: ['sinks', 'offline', 'delta'], given: sinks.offline?.delta },
    { at: ['checkpoints', 'store'], given: checkpoints?.store },
    { at: ['rejects', 'files'], given: rejects.files },
  ]
}

/** Two kinds of files in one place would be taken for each other. */
function checkApart(places: readonly Place[], directory: string, report: Report): void {
  const taken = new Map<string, Path>()
  for (const { at, given } of places) {
    const location =
      given === undefined
        ? undefined
        : parseLocation(given, { directory, s3: { pathStyle: false } })
    if (location === undefined) continue
    const other = taken.get(locationText(location))
    if (other === undefined) taken.set(locationText(location), at)
    else {
      const kind = location.kind === 's3' ? 'place' : 'directory'
      report.add(
        at,
        `expected a ${kind} of its own; ${report.show(at, given)} is that of \`${other.join('.')}\` too`,
      )
    }
  }
}
