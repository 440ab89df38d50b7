/** A pipeline file's text, resolved as the command line does it, without a file. */
import type { Pipeline } from '../../src/core/definition.ts'
import { readDocument } from '../../src/definition/document.ts'
import { definitionInvalid } from '../../src/definition/problem.ts'
import { resolvePipeline } from '../../src/definition/resolve.ts'

/** @throws DEFINITION_INVALID with every mistake. Places are relative to `directory`. */
export function resolveText(text: string, directory: string): Pipeline {
  const resolution = resolvePipeline(readDocument(text, {}), { directory })
  if (resolution.kind === 'refused') throw definitionInvalid('pipeline', resolution.problems)
  return resolution.pipeline
}
