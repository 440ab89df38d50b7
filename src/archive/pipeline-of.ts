/**
 * A pipeline as an archive's rows are read by it. Where rows hold the value whole, it is the pipeline itself; where its fields are columns,
 * they are JSON, under the archive's names.
 */
import type { FieldPath, Pipeline } from '../core/definition.ts'
import type { ArchiveColumns, ArchiveSelection } from '../engine/archive-port.ts'
import { TidemarkError } from '../errors.ts'

/** What a record is beside its fields. */
const OWN_NAMES = ['_partition', '_offset', '_timestamp', '_key', '_value'] as const

export type ColumnNames = Readonly<Record<string, string>>

/** `user_id=uid,_offset=kafka_offset`. @throws USAGE */
export function parseColumnNames(typed: string, pipeline: Pipeline): ColumnNames {
  const names: Record<string, string> = {}
  const known = new Set<string>([...OWN_NAMES, ...pathsOf(pipeline).map(firstName)])
  for (const pair of typed.split(',')) {
    const at = pair.indexOf('=')
    const [name, column] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()]
    if (at < 1 || column === '')
      throw usage(
        `expected NAME=COLUMN, several joined by commas, received ${JSON.stringify(pair)}`,
      )
    if (!known.has(name))
      throw usage(`the pipeline reads no ${name}; what it reads: ${[...known].join(', ')}`)
    names[name] = column
  }
  return names
}

export function archiveColumns(pipeline: Pipeline, names: ColumnNames): ArchiveColumns {
  const own = (name: (typeof OWN_NAMES)[number]): string => names[name] ?? name
  const paths = pathsOf(pipeline).flatMap((path) => valuePath(path, names) ?? [])
  return {
    partition: own('_partition'),
    offset: own('_offset'),
    timestamp: own('_timestamp'),
    key: names['$key'] ?? own('_key'),
    value: own('_value'),
    isBase64: pipeline.source.format.kind !== 'json',
    fields: paths.map(({ segments }) => segments),
  }
}

/** Dotted; undefined where the event's time is no field of the value. */
export function eventTimeColumn(pipeline: Pipeline, names: ColumnNames): string | undefined {
  return valuePath(pipeline.event.time.field, names)?.segments.join('.')
}

/** @throws USAGE where the pipeline reads what no archive has */
export function pipelineOf(pipeline: Pipeline, selection: ArchiveSelection): Pipeline {
  const { layout, columns, hasInstant } = selection
  const header = pathsOf(pipeline).find(
    (path) =>
      path.kind === 'header' && (layout === 'whole' || valuePath(path, columns) === undefined),
  )
  if (header !== undefined)
    throw usage(
      `the pipeline reads ${firstName(header)}, and archives keep no headers${layout === 'whole' ? '' : `; name the column that has it: --archive-columns '${firstName(header)}=COLUMN'`}`,
    )
  if (layout === 'whole') return pipeline
  const prefix = layout === 'nested' ? [archiveColumns(pipeline, columns).value] : []
  const mapped = (path: FieldPath): FieldPath => {
    const found = valuePath(path, columns)
    return found === undefined ? path : { kind: 'value', segments: [...prefix, ...found.segments] }
  }
  const { source, event } = pipeline
  const { log } = source
  const timestamp = log.kind === 'files' && log.timestamp
  return {
    ...pipeline,
    source: {
      ...source,
      format: { kind: 'json' },
      fields: source.fields.map((field) => ({ ...field, path: mapped(field.path) })),
      log: timestamp ? { ...log, timestamp: [...prefix, ...renamed(timestamp, columns)] } : log,
    },
    event: {
      ...event,
      ...(event.id === undefined ? {} : { id: mapped(event.id) }),
      time: {
        field: mapped(event.time.field),
        format: hasInstant ? { kind: 'ms' } : event.time.format,
      },
    },
  }
}

function pathsOf({ source, event }: Pipeline): FieldPath[] {
  const paths = [...source.fields.map(({ path }) => path), event.time.field]
  if (event.id !== undefined) paths.push(event.id)
  if (source.log.kind === 'files' && source.log.timestamp !== undefined)
    paths.push({ kind: 'value', segments: source.log.timestamp })
  return paths
}

/** Where the archive has it among its columns; undefined: beside them, as the log has it. */
function valuePath(
  path: FieldPath,
  names: ColumnNames,
): { readonly segments: readonly string[] } | undefined {
  if (path.kind === 'value') return { segments: renamed(path.segments, names) }
  const column = path.kind === 'header' ? names[firstName(path)] : undefined
  return column === undefined ? undefined : { segments: [column] }
}

function renamed([first = '', ...rest]: readonly string[], names: ColumnNames): string[] {
  return [names[first] ?? first, ...rest]
}

function firstName(path: FieldPath): string {
  switch (path.kind) {
    case 'value':
      return path.segments[0] ?? ''
    case 'key':
      return '$key'
    case 'timestamp':
      return '$timestamp'
    case 'header':
      return `$header.${path.name}`
  }
}

function usage(message: string): TidemarkError {
  return new TidemarkError('USAGE', `--archive-columns: ${message}`)
}
