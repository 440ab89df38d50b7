/**
 * A pipeline, resolved: defaults filled, durations in milliseconds, names looked up, expressions parsed. Built by
 * `src/definition` from the file a user writes; everything else of Tidemark reads only this.
 */
import type { Expression } from './expression.ts'
import type { FieldType, Value } from './value.ts'
import type { ViewGates } from './view-gates.ts'

export interface Pipeline {
  readonly name: string
  readonly source: SourceDefinition
  readonly event: EventDefinition
  readonly time: TimePolicy
  readonly views: readonly ViewDefinition[]
  readonly sinks: SinkDefinitions
  readonly rejects: RejectPolicy
  readonly commit: CommitPolicy
  readonly memory: MemoryPolicy
  /** Directory of the local state, absolute. */
  readonly state: string
  /** Undefined: no checkpoints are kept. */
  readonly checkpoints?: CheckpointDefinition
  /** Metrics and health; undefined: not served. */
  readonly http?: HttpDefinition
}

export interface HttpDefinition {
  readonly host: string
  readonly port: number
  /** `/readyz` is false while a partition is further behind: records (Kafka) or bytes (files). */
  readonly readyLagMax: number
}

export interface SourceDefinition {
  readonly log: FilesLog | KafkaLog
  readonly format: FormatDefinition
  /** Names of the fields that the log is keyed by (partitioned by). */
  readonly key: readonly string[]
  /** In the order of their columns in an `EventBatch`. */
  readonly fields: readonly FieldDefinition[]
}

/** A directory with one append-only file per partition: `0.jsonl`, `1.jsonl` ... or `0.log`, `1.log` ... */
export interface FilesLog {
  readonly kind: 'files'
  /** Absolute. */
  readonly directory: string
  /** Dotted path of the record's own timestamp (ms) in JSON lines files, which carry none beside the value. */
  readonly timestamp?: readonly string[]
}

export interface KafkaLog {
  readonly kind: 'kafka'
  readonly brokers: readonly string[]
  readonly topic: string
  /** Where a new state begins; used once. A number is an instant in ms. */
  readonly start: 'earliest' | 'latest' | number
  /** Consumer group of the processes that share the topic's partitions. */
  readonly group: string
  /** A member that is silent for this long loses its partitions. */
  readonly sessionTimeoutMs: number
  readonly tls?: TlsDefinition
  readonly sasl?: SaslDefinition
  /** Trust record timestamps that producers set and the broker does not bound (docs/semantics.md, timestamp firewall). */
  readonly trustProducerClock: boolean
}

/** Absolute paths of PEM files. Without `ca` the system's authorities are trusted. */
export interface TlsDefinition {
  readonly ca?: string
  /** The client's own certificate and key, for mutual TLS: both or none. */
  readonly certificate?: string
  readonly key?: string
}

export interface SaslDefinition {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
  readonly username: string
  readonly password: string
}

export type FormatDefinition =
  | { readonly kind: 'json' }
  /** `schema` is the parsed JSON of the reader's schema. */
  | { readonly kind: 'avro'; readonly schema: unknown }
  | { readonly kind: 'avro-registry'; readonly registry: string; readonly subject: string }

export interface FieldDefinition {
  readonly name: string
  readonly type: FieldType
  readonly path: FieldPath
}

export type FieldPath =
  | { readonly kind: 'value'; readonly segments: readonly string[] }
  | { readonly kind: 'key' }
  | { readonly kind: 'timestamp' }
  | { readonly kind: 'header'; readonly name: string }

export interface EventDefinition {
  /** Path of the event's id; without it no duplicates are looked for. */
  readonly id?: FieldPath
  readonly duplicatesWithinMs: number
  readonly time: { readonly field: FieldPath; readonly format: TimeFormat }
}

export type TimeFormat =
  | { readonly kind: 'ms' }
  | { readonly kind: 's' }
  | { readonly kind: 'us' }
  /** ISO-8601 with an offset or Z. */
  | { readonly kind: 'iso' }
  /** Local time: `yyyy MM dd HH mm ss SSS` and literals, read in an IANA zone. */
  | { readonly kind: 'pattern'; readonly pattern: string; readonly zone: string }

export interface TimePolicy {
  /** IANA zone of the civil days. */
  readonly zone: string
  readonly outOfOrdernessMs: number
  readonly allowedLatenessMs: number
  /** How far an event time may lie beyond its record's timestamp. */
  readonly maxFutureMs: number
  readonly idleAfterMs: number
  /** Event times before it are refused as `bad_timestamp`: ms, default 2000-01-01T00:00Z. */
  readonly notBeforeMs: number
  /** Tick although the log is historical (docs/semantics.md, ticks). */
  readonly tickHistorical: boolean
}

export interface ViewDefinition {
  readonly name: string
  readonly version: number
  /** Field names, in the order of the entity's columns. They contain the source's key. */
  readonly entity: readonly string[]
  readonly where?: Condition
  /** Days, ascending, without repeats. The longest decides how long tiles live. */
  readonly windows: readonly number[]
  readonly features: readonly FeatureDefinition[]
  readonly derived: readonly DerivedDefinition[]
  readonly online: 'current' | 'closed'
  readonly ttlMs: number
  /** Objective of the freshness alert: record in the log -> value readable. Changes no value. */
  readonly freshnessMs: number
  readonly joinTtlMs?: number
  readonly owner?: string
  readonly description?: string
  readonly tags: Readonly<Record<string, string>>
  /** Column name -> value a reader should take when the entity or the value is missing. */
  readonly defaults: Readonly<Record<string, Value>>
  /** What the rows of a day have to be like; undefined: nothing is asked of them. Changes no value. */
  readonly gates?: ViewGates
  /** Hex; covers everything of the view that can change a value. */
  readonly hash: string
}

export type AggregateKind =
  'count' | 'sum' | 'min' | 'max' | 'avg' | 'variance' | 'stddev' | 'first' | 'last'

export interface FeatureDefinition {
  readonly name: string
  readonly aggregate: AggregateKind
  /** A field's name; `*` only for count. */
  readonly field: string
  readonly where?: Condition
  /** Days, ascending; a subset of the view's windows. */
  readonly windows: readonly number[]
  readonly description?: string
  /** Days from which the feature holds, when it was added later; earlier rows keep null. */
  readonly since?: number
}

export interface DerivedDefinition {
  readonly name: string
  /** As written. */
  readonly text: string
  readonly expression: Expression
  /**
   * The columns it becomes: one per window where the names are bare (`ctr` -> `ctr_1d`, `ctr_7d` ...), with `window` the days that bare
   * names take; one without a window where every name carries its own suffix.
   */
  readonly columns: readonly { readonly name: string; readonly window?: number }[]
  readonly type: 'double' | 'boolean' | 'string'
  readonly description?: string
}

/** A comparison with an absent (null) field is false, and `not` of it is true. Values have the field's type. */
export type Condition =
  | {
      readonly kind: 'compare'
      readonly field: string
      readonly op: 'eq' | 'gt' | 'gte' | 'lt' | 'lte'
      readonly value: Value
    }
  | { readonly kind: 'in'; readonly field: string; readonly values: readonly Value[] }
  | { readonly kind: 'present'; readonly field: string }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'all'; readonly of: readonly Condition[] }
  | { readonly kind: 'any'; readonly of: readonly Condition[] }

export interface SinkDefinitions {
  readonly online?: OnlineDefinition
  readonly offline?: OfflineDefinition
}

export type OnlineDefinition = (
  | { readonly kind: 'leveldb'; readonly directory: string; readonly prefix: string }
  | RedisDefinition
) & {
  /** Values per second that a scan writes beside live traffic, per partition. */
  readonly scanRate?: number
}

export interface RedisDefinition {
  readonly kind: 'redis'
  readonly servers: RedisServers
  /** For the data servers; a standalone URL may carry them instead (redis://user:password@host). */
  readonly username?: string
  readonly password?: string
  /** Undefined: plaintext, unless the URL begins with rediss://. */
  readonly tls?: TlsDefinition
  readonly prefix: string
}

/** Addresses are `host:port`. */
export type RedisServers =
  | { readonly kind: 'standalone'; readonly url: string }
  | { readonly kind: 'sentinel'; readonly sentinels: readonly string[]; readonly master: string }
  | { readonly kind: 'cluster'; readonly nodes: readonly string[] }

/** A place of files. */
export type StorageLocation =
  | { readonly kind: 'directory'; readonly directory: string }
  | {
      readonly kind: 's3'
      readonly bucket: string
      /** Without slashes at its ends; empty: the whole bucket. */
      readonly prefix: string
      /** Of an S3-compatible server; undefined: AWS, or what the environment says. */
      readonly endpoint?: string
      readonly region?: string
      readonly pathStyle: boolean
    }

export interface CheckpointDefinition {
  readonly location: StorageLocation
  readonly everyMs: number
  /** The newest ones that are kept in any case. */
  readonly keep: number
  /** Younger ones are kept too. */
  readonly keepForMs: number
}

export interface OfflineDefinition {
  readonly kind: 'delta'
  /** Holds one table per view version. */
  readonly location: StorageLocation
  /** Hash slots that a (view, day, partition) is split into. Part of the generation's record. */
  readonly slots: number
  readonly correctionsEveryMs: number
}

export interface RejectPolicy {
  /** Absolute directory of the dead letters and the late ledger, where they go to files. */
  readonly directory: string
  /** They go to this topic, on the brokers of the source, instead of to files. */
  readonly topic?: string
  /** Share of records (0..1] whose excess stops the run. */
  readonly limit: number
}

export interface CommitPolicy {
  readonly intervalMs: number
  /** The interval while far behind. */
  readonly catchUpIntervalMs: number
  readonly recordsMax: number
  readonly bytesMax: number
}

export interface MemoryPolicy {
  /** Tiles kept decoded per partition. */
  readonly tilesMax: number
  /** Entities that wait to be told to the online store, per partition, before a scan takes their place. */
  readonly pendingEntitiesMax: number
  /** Rows of the table that are buffered at once, per partition. */
  readonly tableRowsMax: number
}
