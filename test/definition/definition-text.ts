/** Pipeline files as texts: resolved without a disk, and a small one that tests change a line of. */
import type { Pipeline } from '../../src/core/definition.ts'
import { readDocument } from '../../src/definition/document.ts'
import { resolvePipeline } from '../../src/definition/resolve.ts'

export interface TextOptions {
  readonly environment?: Readonly<Record<string, string>>
  readonly avroSchema?: unknown
}

export function resolveText(text: string, options: TextOptions = {}): Pipeline {
  const found = resolution(text, options)
  if (found.kind === 'refused') throw new Error(problemsOf(text, options).join('\n'))
  return found.pipeline
}

/** `line:column path: message`, in the order of the file. */
export function problemsOf(text: string, options: TextOptions = {}): string[] {
  const found = resolution(text, options)
  if (found.kind === 'resolved') return []
  return found.problems.map(
    ({ path, line, column, message }) => `${line ?? '-'}:${column ?? '-'} ${path}: ${message}`,
  )
}

function resolution(
  text: string,
  { environment = {}, avroSchema }: TextOptions,
): ReturnType<typeof resolvePipeline> {
  return resolvePipeline(readDocument(text, environment), { directory: '/shop', avroSchema })
}

export const SHOP = `name: shop
source:
  files: ./events
  key: user_id
  fields:
    user_id: string
    item_id: int64
    amount: decimal(18,2)
    score: double
    paid: boolean
    at: timestamp
    event_type: string
  event: { id: event_id, time: { field: event_ts } }
time: { zone: UTC, allowedLateness: 24h }
views:
  users:
    entity: user_id
    where: { event_type: [click, view] }
    windows: [1d, 7d, 30d]
    features:
      clicks: { count: "*", where: { event_type: click } }
      views: { count: "*" }
      spend: { sum: amount, windows: [7d, 30d] }
    derived:
      ctr: clicks / nullif(views, 0)
    ttl: 40d
    defaults: { clicks: 0 }
sinks:
  online: { leveldb: ./online }
  offline: { delta: ./features }
`

/** `text` with its first `from` replaced; fails where there is none, so that no test changes nothing. */
export function changed(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`the text has no ${JSON.stringify(from)}`)
  return text.replace(from, () => to)
}
