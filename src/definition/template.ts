/**
 * What `tidemark init` writes: a commented pipeline file and a small log of events to run it on at once. Pure: the same
 * options give the same bytes.
 */
import type { DayIndex } from '../core/day.ts'
import { sampleEvents } from './sample-events.ts'

export const DEFAULT_PIPELINE_FILE = 'pipeline.yaml'

export interface InitOptions {
  /** Of the pipeline. */
  readonly name?: string
  /** Last day of the sample events, UTC; yesterday makes the run look live. */
  readonly endDay: DayIndex
  /** Reads this topic, instead of sample events in files. */
  readonly kafka?: { readonly brokers: string; readonly topic?: string }
  /** Serves from the Redis of this URL, which may be a `${VARIABLE}`, instead of an embedded store. */
  readonly redis?: string
}

export interface InitFile {
  /** Relative to the directory that is initialised. */
  readonly path: string
  readonly content: string
}

const PARTITIONS = 2

export function initFiles(options: InitOptions): InitFile[] {
  const pipeline = { path: DEFAULT_PIPELINE_FILE, content: pipelineTemplate(options) }
  if (options.kafka !== undefined) return [pipeline]
  const partitions = sampleEvents(options.endDay, PARTITIONS)
  return [
    pipeline,
    ...partitions.map((lines, partition) => ({
      path: `events/${partition}.jsonl`,
      content: `${lines.join('\n')}\n`,
    })),
  ]
}

function sourceLines({ kafka }: InitOptions, name: string): string {
  if (kafka === undefined) {
    return `  # One append-only file of JSON lines per partition: events/0.jsonl, events/1.jsonl. Append to them while it runs.
  files:
    directory: ./events
    timestamp: received_ms # when the line was written; an event time far beyond it is refused
  # Instead, a topic: tidemark init --kafka HOST:PORT --topic TOPIC writes such a file
  format: json # or  avro: schemas/event.avsc`
  }
  const { brokers, topic = `${name}.events` } = kafka
  return `  kafka:
    brokers: ${quoted(withVariable('KAFKA_BROKERS', brokers))}
    topic: ${quoted(topic)}
    start: earliest # where a new state begins: earliest, latest or an instant; used once
    # tls: true # or { ca: tls/ca.pem, certificate: tls/client.pem, key: tls/client.key }
    # sasl: { mechanism: scram-sha-512, username: tidemark, password: "\${KAFKA_PASSWORD}" }
  format: json # or  avro: schemas/event.avsc, or  avro: { registry: "http://127.0.0.1:8081", subject: ${topic}-value }`
}

function quoted(text: string): string {
  return JSON.stringify(text)
}

/** What was given becomes the default of a variable, unless it is one. */
function withVariable(variable: string, text: string): string {
  return text.includes('${') ? text : `\${${variable}:-${text}}`
}

function endLines({ kafka, redis }: InitOptions, name: string): string {
  const online =
    redis === undefined
      ? `{ leveldb: ./online } # or  redis: "\${REDIS_URL}"`
      : `{ redis: ${quoted(withVariable('REDIS_URL', redis))} } # or  leveldb: ./online`
  const topic = kafka?.topic ?? `${name}.events`
  return `sinks:
  online: ${online}
  offline: { delta: ./features } # a Delta table per view; or  delta: "s3://bucket/features"

state: ./state
# checkpoints: { store: /mnt/shared/checkpoints } # copies of the state that outlive this machine; or "s3://bucket/checkpoints"
# s3: { endpoint: "http://127.0.0.1:9000" } # of an S3-compatible server; left out: AWS
${
  kafka === undefined
    ? '# http: 127.0.0.1:9464 # serves /metrics, /healthz and /readyz'
    : `# rejects: { topic: ${quoted(`${topic}.rejects`)} } # dead letters in a topic instead of files in the state directory
http: "\${TIDEMARK_HTTP:-127.0.0.1:9464}" # serves /metrics, /healthz and /readyz; a port per process; 0.0.0.0:9464 to be scraped from elsewhere`
}
`
}

function pipelineTemplate(options: InitOptions): string {
  const { name = 'shop' } = options
  const run =
    options.kafka === undefined
      ? 'Run it to the end of the log:  tidemark run --until-end'
      : 'Look at the topic:  tidemark doctor      Run it:  tidemark run'
  return `# A Tidemark pipeline. Check it:  tidemark validate      ${run}
# Every key with its default is in docs/pipeline.md. \${VAR} and \${VAR:-default} take values from the environment.
name: ${name}

source:
${sourceLines(options, name)}
  key: user_id # what the log is partitioned by: all events of a user are in one partition
  fields:
    user_id: string
    item_id: int64
    event_type: string
    amount: decimal(18,2) # exact: money is never a double
    # shop: { path: order.shop.id, type: string }   a field inside; also $key, $timestamp, $header.name
  event:
    id: event_id # optional; exact duplicates are left out
    time: { field: event_ms, format: ms } # or s, us, iso, { pattern, zone }

time:
  zone: UTC # the civil days of windows; any IANA zone
  outOfOrderness: 30m # the watermark stays this far behind the newest event
  allowedLateness: 24h # an event may come this long after its day was closed

views:
  user_activity:
    version: 1 # raise it when the meaning of a feature changes
    entity: user_id # contains the source's key
    windows: [1d, 7d, 30d] # whole days, today included
    features:
      clicks: { count: "*", where: { event_type: click } } # columns clicks_1d, clicks_7d, clicks_30d
      views: { count: "*", where: { event_type: view } }
      spend: { sum: amount, where: { event_type: purchase }, windows: [7d, 30d] }
      largest: { max: amount, where: { event_type: purchase }, windows: [30d] }
      last_item: { last: item_id, windows: [30d] }
    derived:
      ctr: clicks / nullif(views, 0) # bare names: one column per window
      spike: clicks_1d * 30 / nullif(clicks_30d, 0) # names with their window: one column
    online: current # today's events so far; closed: the row of the last closed day
    ttl: 40d
    owner: growth
    tags: { pii: none }

${endLines(options, name)}`
}
