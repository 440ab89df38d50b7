/** The pipeline file from the disk: its text, and the schema file that it names. What they mean is decided in `resolve.ts`. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Pipeline } from '../core/definition.ts'
import { TidemarkError } from '../errors.ts'
import { readDocument } from './document.ts'
import type { Environment } from './interpolate.ts'
import { definitionInvalid } from './problem.ts'
import type { Path } from './problem.ts'
import { resolvePipeline } from './resolve.ts'
import type { Surroundings } from './resolve.ts'

/**
 * @throws DEFINITION_INVALID with every mistake of the file, also as `problems` in its details; USAGE where the file
 * cannot be read
 */
export async function loadPipeline(
  file: string,
  environment: Environment = process.env,
): Promise<Pipeline> {
  const text = await readPipelineFile(file)
  const document = readDocument(text, environment)
  const directory = path.dirname(path.resolve(file))
  const schema = await readAvroFile(document.value, directory)
  const resolution = resolvePipeline(document, { directory, ...schema })
  if (resolution.kind === 'refused') throw definitionInvalid(file, resolution.problems)
  return resolution.pipeline
}

async function readPipelineFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const message = `cannot read the pipeline file ${file}: ${reason(cause)}. Name it with -f FILE, or write one with \`tidemark init\``
    throw new TidemarkError('USAGE', message, { cause, details: { file } })
  }
}

async function readAvroFile(
  value: unknown,
  directory: string,
): Promise<Pick<Surroundings, 'avroSchema' | 'problems'>> {
  const named = avroFile(value)
  if (named === undefined) return {}
  try {
    const text = await readFile(path.resolve(directory, named.file), 'utf8')
    return { avroSchema: JSON.parse(text) as unknown }
  } catch (cause) {
    const message = `expected the JSON of an Avro schema in ${path.resolve(directory, named.file)}: ${reason(cause)}`
    return { problems: [{ path: named.path, message }] }
  }
}

/** Looked at before the file is checked, so that its checks can use the fields. */
function avroFile(value: unknown): { readonly file: string; readonly path: Path } | undefined {
  const source = member(value, 'source')
  const paths: Path[] = [['avro'], ['format', 'avro']]
  for (const steps of paths) {
    const file = steps.reduce<unknown>((each, step) => member(each, String(step)), source)
    if (typeof file === 'string') return { file, path: ['source', ...steps] }
  }
  return undefined
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}

function reason(cause: unknown): string {
  const { code, message } = cause as { code?: unknown; message?: unknown }
  if (code === 'ENOENT') return 'there is no such file'
  return typeof code === 'string' ? code : String(message)
}
