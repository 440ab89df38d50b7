/**
 * A schema registry by the HTTP API of Confluent's (also Apicurio's `/apis/ccompat/v7`, Karapace, Redpanda).
 *
 * Three kinds of answers are told apart, since they mean different things to a log: the schema; "I do not know this id", which
 * counts only when the registry says so in its own words (a 404 of a proxy, or of a wrong URL, does not); and no answer, which
 * is to be asked for again. Nothing is cached here. No message shows the user or the password of the URL.
 */
import type { Log, RegisteredSchema, SchemaSource } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { RegistryClient } from './registry-client.ts'

export interface SchemaRegistryOptions {
  readonly log: Log
  /** How long one answer may take. */
  readonly timeoutMs?: number
}

interface SchemaAnswer {
  readonly id?: number
  readonly schema: string
  readonly schemaType?: string
  readonly references?: readonly Reference[]
}

interface Reference {
  readonly subject: string
  readonly version: number
}

const TIMEOUT_MS = 10_000
/** References of references; deeper ones are a circle. */
const DEPTH_MAX = 20

/** @throws DEFINITION_INVALID where the URL is none */
export function createSchemaRegistry(
  url: string,
  { log, timeoutMs = TIMEOUT_MS }: SchemaRegistryOptions,
): SchemaSource {
  const client = new RegistryClient(url, timeoutMs)

  return {
    async schema(id) {
      const found = await client.get(`/schemas/ids/${id}`, isSchemaAnswer)
      if (found === undefined) return undefined
      const schema = await complete(client, found, id)
      log.info(
        { id, kind: schema.kind, references: schema.references.length },
        `schema ${id} learned from ${client.place}`,
      )
      return schema
    },

    async latest(subject) {
      const path = `/subjects/${encodeURIComponent(subject)}/versions/latest`
      const found = await client.get(path, isSchemaAnswer)
      return found && complete(client, found, found.id ?? 0)
    },
  }
}

async function complete(
  client: RegistryClient,
  { schema, schemaType = 'AVRO', references = [] }: SchemaAnswer,
  id: number,
): Promise<RegisteredSchema> {
  const texts = new Map<string, string>()
  await collect(client, references, texts)
  return { id, kind: schemaType, text: schema, references: [...texts.values()] }
}

/** Depth first, so that each schema stands after those that it names. */
async function collect(
  client: RegistryClient,
  references: readonly Reference[],
  texts: Map<string, string>,
  depth = 0,
): Promise<void> {
  for (const { subject, version } of references) {
    const name = `${subject} version ${version}`
    if (texts.has(name)) continue
    if (depth === DEPTH_MAX) {
      throw new TidemarkError(
        'SCHEMA_REFUSED',
        `the schema registry ${client.place}: the references of a schema go in a circle at ${name}. Register it without one`,
      )
    }
    const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}`
    const found = await client.get(path, isSchemaAnswer)
    if (found === undefined) {
      throw new TidemarkError(
        'SCHEMA_UNAVAILABLE',
        `the schema registry ${client.place} does not have ${name}, which another schema refers to. Register it again`,
      )
    }
    await collect(client, found.references ?? [], texts, depth + 1)
    texts.set(name, found.schema)
  }
}

function isSchemaAnswer(answer: unknown): answer is SchemaAnswer {
  if (typeof answer !== 'object' || answer === null) return false
  const { schema, references = [] } = answer as { schema?: unknown; references?: unknown }
  return typeof schema === 'string' && Array.isArray(references) && references.every(isReference)
}

function isReference(reference: unknown): reference is Reference {
  if (typeof reference !== 'object' || reference === null) return false
  const { subject, version } = reference as { subject?: unknown; version?: unknown }
  return typeof subject === 'string' && typeof version === 'number'
}
