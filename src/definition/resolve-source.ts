/** `source` of the file -> the log, its format, the fields of an event, its identity and time. */
import path from 'node:path'
import type {
  EventDefinition,
  FieldDefinition,
  FieldPath,
  FilesLog,
  FormatDefinition,
  KafkaLog,
  TimeFormat,
} from '../core/definition.ts'
import { timeZoneExists } from '../core/day.ts'
import { compilePattern } from '../core/time-pattern.ts'
import { TidemarkError } from '../errors.ts'
import { readAvroSchema } from './avro-schema.ts'
import type { AvroField } from './avro-schema.ts'
import type { DeclaredFields } from './field-scope.ts'
import { NAME_PATTERN } from './keys.ts'
import { isRefused, parseFieldPath, parseFieldType } from './field-type.ts'
import { suggestion } from './nearest.ts'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'
import { resolveKafka } from './resolve-kafka.ts'
import type { SourceFile } from './schema.ts'

export interface SourceSurroundings {
  readonly report: Report
  /** Of the pipeline. */
  readonly name: string
  /** What relative paths start from. */
  readonly directory: string
  /** Parsed JSON of the schema file that the source names; undefined where it could not be read. */
  readonly avroSchema: unknown
}

export interface ResolvedSource {
  readonly log: FilesLog | KafkaLog
  readonly format: FormatDefinition
  readonly declared: DeclaredFields
  readonly event: Pick<EventDefinition, 'id' | 'time'>
}

export function resolveSource(file: SourceFile, surroundings: SourceSurroundings): ResolvedSource {
  const format = resolveFormat(file, surroundings)
  const declared = resolveFields(file, format, surroundings)
  return {
    log: resolveLog(file, format, surroundings),
    format,
    declared,
    event: resolveEvent(file.event, declared, surroundings.report),
  }
}

function resolveLog(
  { files, kafka }: SourceFile,
  format: FormatDefinition,
  { report, directory, name }: SourceSurroundings,
): FilesLog | KafkaLog {
  if ((files === undefined) === (kafka === undefined)) {
    const found = files === undefined ? 'neither' : 'both'
    report.add(['source'], `expected one of \`files\` and \`kafka\`, found ${found}`, 'key')
  }
  if (kafka !== undefined) return resolveKafka(kafka, { report, directory, name })
  if (files === undefined || typeof files === 'string') {
    return { kind: 'files', directory: path.resolve(directory, files ?? '.') }
  }
  const log: FilesLog = { kind: 'files', directory: path.resolve(directory, files.directory) }
  if (files.timestamp === undefined) return log
  const at = ['source', 'files', 'timestamp']
  if (format.kind !== 'json') {
    report.add(
      at,
      'expected only beside `format: json`: records of other formats carry their own timestamp',
    )
  }
  const place = valuePath(files.timestamp, at, report)
  return place.kind === 'value' ? { ...log, timestamp: place.segments } : log
}

function resolveFormat(
  { format, avro }: SourceFile,
  { avroSchema, report }: SourceSurroundings,
): FormatDefinition {
  if (format !== undefined && avro !== undefined) {
    report.add(['source', 'avro'], 'expected one of `format` and `avro`, found both', 'key')
  }
  const chosen = avro ?? (typeof format === 'object' ? format.avro : undefined)
  if (chosen === undefined) return { kind: 'json' }
  if (typeof chosen === 'string') return { kind: 'avro', schema: avroSchema }
  const at = [...avroPath({ avro }), 'registry']
  if (!/^https?:\/\/./.test(chosen.registry) || !URL.canParse(chosen.registry)) {
    report.add(at, `expected an http(s) URL, found ${report.show(at, chosen.registry)}`)
  }
  return { kind: 'avro-registry', ...chosen }
}

/** Where the file names its Avro schema: beside `format`, or in it. */
export function avroPath({ avro }: Pick<SourceFile, 'avro'>): Path {
  return avro === undefined ? ['source', 'format', 'avro'] : ['source', 'avro']
}

const NOTHING_DECLARED: DeclaredFields = {
  fields: [],
  unreadable: [],
  unusable: new Map(),
  isOpen: false,
  isKnown: false,
  isComplete: false,
}

function resolveFields(
  file: SourceFile,
  format: FormatDefinition,
  { report }: SourceSurroundings,
): DeclaredFields {
  const at = ['source', 'fields']
  if (format.kind === 'avro') {
    if (file.fields !== undefined) {
      report.add(at, 'expected no `fields` beside an Avro schema file, which brings its own', 'key')
    }
    if (format.schema === undefined) return NOTHING_DECLARED
    const read = readAvroSchema(format.schema)
    if (typeof read !== 'string')
      return { ...NOTHING_DECLARED, ...read, isKnown: true, isComplete: true }
    report.add(avroPath(file), read)
    return NOTHING_DECLARED
  }
  if (file.fields === undefined) {
    const what = format.kind === 'json' ? 'JSON' : 'a registry (its schema is not at hand here)'
    report.add(
      at,
      `missing; expected the fields of the events and their types, which ${what} does not bring`,
    )
    return NOTHING_DECLARED
  }
  const fields = Object.entries(file.fields).flatMap(([name, field]) => {
    const resolved = resolveField(name, field, report)
    return resolved === undefined ? [] : [resolved]
  })
  const known = new Set(fields.map(({ name }) => name))
  return {
    fields,
    unreadable: report.namesAt(at).filter((name) => !known.has(name) && NAME_PATTERN.test(name)),
    unusable: new Map(),
    isOpen: format.kind === 'json',
    isKnown: true,
    isComplete: false,
  }
}

type FieldFile = NonNullable<SourceFile['fields']>[string]

/** Words that have a meaning of their own where a filter names fields. */
const CONDITION_WORDS: readonly string[] = ['any', 'all', 'not']

function resolveField(name: string, field: FieldFile, report: Report): FieldDefinition | undefined {
  const at = ['source', 'fields', name]
  if (CONDITION_WORDS.includes(name)) {
    const way = `\`my_${name}: { path: ${name}, type: ... }\``
    report.add(at, `expected another name: \`${name}\` is a word of \`where\`; write ${way}`, 'key')
  }
  const isShort = typeof field === 'string'
  const typeAt = isShort ? at : [...at, 'type']
  const typeText = isShort ? field : field.type
  const pathText = isShort ? undefined : field.path
  const type = parseFieldType(typeText)
  const place =
    pathText === undefined ? { kind: 'value' as const, segments: [name] } : parseFieldPath(pathText)
  if (isRefused(type)) {
    const found = report.show(typeAt, typeText)
    report.add(typeAt, `expected ${type.expected}, found ${found}${type.hint}`)
  }
  if (isRefused(place)) {
    const pathAt = [...at, 'path']
    const found = report.show(pathAt, pathText)
    report.add(pathAt, `expected ${place.expected}, found ${found}${place.hint}`)
  }
  if (isRefused(type) || isRefused(place)) return undefined
  if (place.kind === 'timestamp' && type.kind !== 'timestamp' && type.kind !== 'int64') {
    report.add(
      typeAt,
      `expected \`timestamp\` or \`int64\` for $timestamp, found ${report.show(typeAt, typeText)}`,
    )
  }
  return { name, type, path: place }
}

function resolveEvent(
  file: SourceFile['event'],
  declared: DeclaredFields,
  report: Report,
): ResolvedSource['event'] {
  const idAt = ['source', 'event', 'id']
  const timeAt = ['source', 'event', 'time', 'field']
  const id = file.id === undefined ? undefined : eventPath(file.id, idAt, { declared, report })
  const field = eventPath(file.time.field, timeAt, { declared, report })
  const format = timeFormat(file.time, { declared, report })
  return { ...(id && { id }), time: { field, format } }
}

interface EventSurroundings {
  readonly declared: DeclaredFields
  readonly report: Report
}

/** A declared field's place, else the text as a path: id and time need not be declared. */
function eventPath(text: string, at: Path, { declared, report }: EventSurroundings): FieldPath {
  const field = declared.fields.find(({ name }) => name === text)
  if (field !== undefined) return field.path
  const place = valuePath(text, at, report)
  if (place.kind === 'value' && declared.isComplete) {
    const names = declared.fields.map(({ name }) => name)
    const reason = declared.unusable.get(text)
    const what = reason === undefined ? suggestion(text, names) : `, which is ${reason}`
    report.add(at, `expected a field of the schema, found ${report.show(at, text)}${what}`)
  }
  return place
}

function valuePath(text: string, at: Path, report: Report): FieldPath {
  const place = parseFieldPath(text)
  if (!isRefused(place)) return place
  report.add(at, `expected ${place.expected}, found ${report.show(at, text)}${place.hint}`)
  return { kind: 'value', segments: [text] }
}

/** What the schema says of the field's unit is taken, and may not be contradicted. */
function timeFormat(
  time: SourceFile['event']['time'],
  { declared, report }: EventSurroundings,
): TimeFormat {
  const at = ['source', 'event', 'time', 'format']
  const { format } = time
  const field: AvroField | undefined = declared.fields.find(({ name }) => name === time.field)
  const unit = time.field === '$timestamp' ? 'ms' : field?.unit
  if (typeof format === 'object') {
    checkPattern(format, at, report)
    return { kind: 'pattern', ...format }
  }
  if (unit !== undefined && format !== undefined && format !== unit) {
    const who = time.field === '$timestamp' ? 'the record timestamp' : 'the schema'
    report.add(at, `expected \`${unit}\`, the unit of ${who}, found ${report.show(at, format)}`)
  }
  return { kind: format ?? unit ?? 'ms' }
}

function checkPattern(format: { pattern: string; zone: string }, at: Path, report: Report): void {
  if (!timeZoneExists(format.zone)) {
    const zoneAt = [...at, 'zone']
    report.add(zoneAt, zoneProblem(report.show(zoneAt, format.zone)))
  }
  try {
    compilePattern(format.pattern, 'UTC')
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    report.add([...at, 'pattern'], error.message.replace(/ \[[A-Z_]+\]$/, ''))
  }
}

export function zoneProblem(shown: string): string {
  return `expected an IANA zone such as \`UTC\` or \`Europe/Berlin\`, found ${shown}`
}
