/** What the doctor asks a schema registry: is it there, has it the subject, and do its records have the declared fields. */
import type { Pipeline } from '../core/definition.ts'
import type { SchemaSource } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { fitWriter } from '../format/writer-fit.ts'
import type { Finding } from './finding.ts'

const CHECK = 'schema registry'

/** Nothing where the pipeline names no registry. */
export async function checkRegistry(
  { source: { format, fields } }: Pipeline,
  connect: (url: string) => SchemaSource,
): Promise<Finding[]> {
  if (format.kind !== 'avro-registry') return []
  try {
    const schema = await connect(format.registry).latest(format.subject)
    if (schema === undefined) {
      return [
        {
          check: CHECK,
          verdict: 'problem',
          detail: `it has no subject ${format.subject}`,
          advice: 'correct source.avro.subject, or let a producer register its schema first',
        },
      ]
    }
    const newest = `the newest schema of ${format.subject} (${schema.id})`
    const fit = fitWriter(schema, fields)
    if (typeof fit === 'string') {
      return [{ check: CHECK, verdict: 'problem', detail: `${newest} cannot be used: ${fit}` }]
    }
    return [findingOf(newest, fit)]
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    return [{ check: CHECK, verdict: 'problem', detail: error.message }]
  }
}

function findingOf(
  newest: string,
  { missing, wrong }: { readonly missing: readonly string[]; readonly wrong: readonly string[] },
): Finding {
  if (wrong.length > 0) {
    return {
      check: CHECK,
      verdict: 'problem',
      detail: `${newest} does not fit: ${wrong.join('; ')}`,
      advice:
        'declare these fields under source.fields as they are written; such records are rejected',
    }
  }
  if (missing.length > 0) {
    return {
      check: CHECK,
      verdict: 'warning',
      detail: `${newest} lacks ${missing.join(', ')}: null in its records`,
    }
  }
  return { check: CHECK, verdict: 'ok', detail: `${newest} has every declared field` }
}
