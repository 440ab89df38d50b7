/**
 * `npx tsx scripts/generate.ts`: writes the files of the repository that come from the source: the pipeline file's JSON
 * schema, its reference page, and the page of metrics. A test fails while one of them is stale.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { format, resolveConfig } from 'prettier'
import { pipelineJsonSchema } from '../src/definition/json-schema.ts'
import { pipelineReference } from '../src/definition/reference.ts'
import { metricsReference } from '../src/metrics/reference.ts'

const ROOT = path.dirname(import.meta.dirname)

export interface GeneratedFile {
  /** Relative to the repository. */
  readonly path: string
  readonly content: string
}

/** Laid out as the format check wants them. */
export async function generateFiles(): Promise<GeneratedFile[]> {
  const contents = {
    'schemas/pipeline.schema.json': JSON.stringify(pipelineJsonSchema()),
    'docs/pipeline.md': pipelineReference(),
    'docs/metrics.md': metricsReference(),
  }
  return Promise.all(
    Object.entries(contents).map(async ([file, content]) => {
      const filepath = path.join(ROOT, file)
      const config = await resolveConfig(filepath)
      return { path: file, content: await format(content, { ...config, filepath }) }
    }),
  )
}

if (process.argv[1] === import.meta.filename) {
  for (const file of await generateFiles()) {
    const target = path.join(ROOT, file.path)
    await mkdir(path.dirname(target), { recursive: true })
    await writeFile(target, file.content)
    console.log(`wrote ${file.path}`)
  }
}
