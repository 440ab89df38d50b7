/** What the doctor says of a schema registry. */
import { expect, test } from 'vitest'
import type { Pipeline } from '../../src/core/definition.ts'
import { checkRegistry } from '../../src/cli/doctor-registry.ts'
import type { Finding } from '../../src/cli/finding.ts'
import type { RegisteredSchema, SchemaSource } from '../../src/engine/ports.ts'
import { TidemarkError } from '../../src/errors.ts'
import { pipelineOf } from '../format/pipeline.ts'

const PIPELINE = pipelineOf({
  fields: { user: { kind: 'string' }, amount: { kind: 'int64' }, $key: { kind: 'string' } },
  format: { kind: 'avro-registry', registry: 'http://r', subject: 'clicks-value' },
})

function withFields(fields: Readonly<Record<string, unknown>>): RegisteredSchema {
  const listed = Object.entries(fields).map(([name, type]) => ({ name, type }))
  const text = JSON.stringify({ type: 'record', name: 'E', fields: listed })
  return { id: 7, kind: 'AVRO', text, references: [] }
}

async function found(
  latest: RegisteredSchema | undefined | Error,
  pipeline: Pipeline = PIPELINE,
): Promise<Finding | undefined> {
  const source: SchemaSource = {
    schema: () => Promise.resolve(undefined),
    latest: () => (latest instanceof Error ? Promise.reject(latest) : Promise.resolve(latest)),
  }
  return (await checkRegistry(pipeline, () => source))[0]
}

test.each([
  [withFields({ user: 'string', amount: 'long' }), 'ok', 'has every declared field'],
  [withFields({ user: ['null', 'string'] }), 'warning', 'lacks amount: null in its records'],
  [
    withFields({ user: 'int', amount: ['int', 'double'] }),
    'problem',
    'user is int there, declared is string; amount lies in a union',
  ],
  [{ ...withFields({}), kind: 'JSON' }, 'problem', 'it is of the kind JSON, not Avro'],
  [undefined, 'problem', 'it has no subject clicks-value'],
  [new TidemarkError('SCHEMA_UNAVAILABLE', 'nobody there'), 'problem', 'nobody there'],
] as const)('%# %s', async (latest, verdict, detail) => {
  expect(await found(latest)).toMatchObject({
    verdict,
    detail: expect.stringContaining(detail) as string,
  })
})

test('nothing where there is none', async () => {
  expect(await found(undefined, pipelineOf({ fields: {} }))).toBeUndefined()
})
