/**
 * A pipeline file, read and checked for its shapes -> the pipeline, or every mistake in it. No I/O: the text of the file and
 * of the schema that it names come in as arguments.
 */
import { DAY_MS, timeZoneExists } from '../core/day.ts'
import type { Pipeline, SourceDefinition } from '../core/definition.ts'
import { checkFile } from './check.ts'
import type { PipelineDocument } from './document.ts'
import { createFieldScope } from './field-scope.ts'
import type { FieldScope } from './field-scope.ts'
import { inFileOrder } from './problem.ts'
import type { Path, Problem } from './problem.ts'
import { createReport } from './report.ts'
import type { Report } from './report.ts'
import { resolveHttp } from './resolve-http.ts'
import { resolvePlaces } from './resolve-sinks.ts'
import { resolveSource, zoneProblem } from './resolve-source.ts'
import { resolveView, withHash } from './resolve-view.ts'
import type { PipelineFile } from './schema.ts'
import { checkVersions } from './view-key.ts'

export interface Surroundings {
  /** Absolute; relative paths in the file start from it. */
  readonly directory: string
  /** Parsed JSON of the Avro schema file that the source names; undefined where it names none or it cannot be read. */
  readonly avroSchema?: unknown
  /** What is wrong already, such as a schema file that cannot be read. */
  readonly problems?: readonly { readonly path: Path; readonly message: string }[]
}

export type Resolution =
  | { readonly kind: 'resolved'; readonly pipeline: Pipeline }
  /** In the order of the file. */
  | { readonly kind: 'refused'; readonly problems: readonly Problem[] }

export function resolvePipeline(
  document: PipelineDocument,
  surroundings: Surroundings,
): Resolution {
  const { file, problems, broken } = checkFile(document)
  const outside = surroundings.problems ?? []
  const found: Problem[] = [
    ...document.problems.map(({ problem }) => problem),
    ...problems,
    ...outside.map(({ path, message }) => document.problem(path, message)),
  ]
  const report = createReport(document, [...broken, ...outside.map(({ path }) => path)])
  const pipeline = file && resolveFile(file, surroundings, report)
  found.push(...report.problems)
  return pipeline === undefined || found.length > 0
    ? { kind: 'refused', problems: inFileOrder(found) }
    : { kind: 'resolved', pipeline }
}

function resolveFile(file: PipelineFile, surroundings: Surroundings, report: Report): Pipeline {
  const { directory, avroSchema } = surroundings
  const { log, format, declared, event } = resolveSource(file.source, {
    report,
    name: file.name,
    directory,
    avroSchema,
  })
  const fields = createFieldScope(declared, report)
  checkKey(file, fields, report)
  const isKeyKnown = declared.isKnown && !report.isBroken(['source', 'key'])
  const key = isKeyKnown ? file.source.key : undefined
  const entries = Object.entries(file.views).map(
    ([name, view]) => [name, resolveView(name, view, { report, fields, key })] as const,
  )
  checkVersions(entries, report)
  const views = entries.map(([, view]) => view)
  if (views.length === 0 && report.namesAt(['views']).length === 0) {
    report.add(['views'], 'expected at least one view, found none')
  }
  const http = resolveHttp(file.http, report)
  const source: SourceDefinition = { log, format, key: file.source.key, fields: fields.all() }
  return {
    name: file.name,
    source,
    event: {
      ...event,
      duplicatesWithinMs: file.source.event.duplicatesWithin ?? file.time.allowedLateness,
    },
    time: resolveTime(file.time, report),
    views: views.map((view) => withHash(view, source.fields)),
    ...resolvePlaces(file, directory, report),
    commit: resolveCommit(file.commit, report),
    memory: {
      tilesMax: file.memory.tiles,
      pendingEntitiesMax: file.memory.pendingEntities,
      tableRowsMax: file.memory.tableRows,
    },
    ...(http && { http }),
  }
}

function checkKey(file: PipelineFile, fields: FieldScope, report: Report): void {
  const at = ['source', 'key']
  const single = report.textAt(at) !== undefined
  file.source.key.forEach((name, index) => {
    const itemAt = single ? at : [...at, index]
    if (report.isBroken(at)) return
    const type = fields.typeOf(name, itemAt)
    if (type?.kind === 'double') {
      report.add(
        itemAt,
        `expected a field with exact values; \`${name}\` is double, whose equality is no identity`,
      )
    }
    if (file.source.key.indexOf(name) !== index) {
      report.add(itemAt, `expected each field once, found \`${name}\` again`)
    }
  })
}

function resolveTime(time: PipelineFile['time'], report: Report): Pipeline['time'] {
  const zoneAt = ['time', 'zone']
  if (!timeZoneExists(time.zone)) report.add(zoneAt, zoneProblem(report.show(zoneAt, time.zone)))
  if (time.idleAfter === 0) {
    report.add(
      ['time', 'idleAfter'],
      'expected more than 0: a partition is idle only after some time without records',
    )
  }
  return {
    zone: time.zone,
    outOfOrdernessMs: time.outOfOrderness,
    allowedLatenessMs: time.allowedLateness,
    maxFutureMs: time.maxFuture,
    idleAfterMs: time.idleAfter,
    notBeforeMs: time.notBefore * DAY_MS,
    tickHistorical: time.tickHistorical,
  }
}

function resolveCommit(commit: PipelineFile['commit'], report: Report): Pipeline['commit'] {
  if (commit.catchUpInterval < commit.interval) {
    report.add(
      ['commit', 'catchUpInterval'],
      'expected at least `commit.interval`: while far behind, commits are further apart',
    )
  }
  return {
    intervalMs: commit.interval,
    catchUpIntervalMs: commit.catchUpInterval,
    recordsMax: commit.records,
    bytesMax: commit.bytes,
  }
}
