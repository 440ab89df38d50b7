/** What a regrouping is planned from, beside what any replay is: where the old partitions end, and how producers place keys now. */
import { PARTITIONERS, partitionerNamed } from '../core/partitioner.ts'
import { suggestion } from '../definition/nearest.ts'
import { TidemarkError } from '../errors.ts'
import { findPartitioner } from '../replay/find-partitioner.ts'
import { findOldEnds } from '../replay/old-ends.ts'
import type { Stretch } from '../engine/read-stretch.ts'
import type { OldEnds } from '../replay/old-ends.ts'
import type { RegroupingFacts } from '../replay/plan-regrouping.ts'
import type { ReplayFacts } from '../replay/plan-scope.ts'
import { parseOffsets } from '../replay/range.ts'
import type { Call } from './command.ts'
import { openDecoder, openSource } from './compose.ts'
import type { OpenedParts } from './compose.ts'
import { placedKeys } from './placed-keys.ts'
import { locateSample } from './sample.ts'

export interface RegroupingOptions {
  readonly oldEnds?: string
  readonly partitioner?: string
}

export interface GatheredRegrouping extends RegroupingFacts {
  readonly firstAddedMs: number | undefined
}

/** Newest records of all partitions together. */
const SAMPLED_RECORDS = 20_000

/** @throws USAGE, REPLAY_REFUSED, SOURCE_* */
export async function gatherRegrouping(
  call: Call<RegroupingOptions>,
  facts: ReplayFacts,
  opened: OpenedParts,
): Promise<GatheredRegrouping> {
  const { pipeline } = facts
  const { options } = call
  const source = opened.add(openSource(pipeline, call))
  const parts = { source, decoder: openDecoder(pipeline, call) }
  using bar = call.progress('plan')
  bar.update(0, 1, 'where old partitions end, and how keys are placed')
  const ends = await endsOf(parts, facts, options.oldEnds)
  const partitioner = await partitionerOf(parts, { facts, ends, named: options.partitioner })
  return { ...facts, ...ends, partitioner }
}

type Parts = Parameters<typeof findOldEnds>[0] & Parameters<typeof placedKeys>[1]

async function endsOf(
  parts: Parts,
  { partitions, stored }: ReplayFacts,
  typed: string | undefined,
): Promise<OldEnds> {
  const count = stored.segments.length
  const stretches = partitions.map(({ partition, log, state }): Stretch => {
    const from = state?.head.nextOffset ?? stored.segments[partition]?.origin ?? log.start
    return { partition, from: Math.max(from, log.start), end: log.end }
  })
  const given = typed === undefined ? new Map<number, number>() : parseOffsets('--old-ends', typed)
  for (const partition of given.keys()) {
    if (partition < count) continue
    throw usage(`--old-ends: the old partitions are 0 to ${count - 1}, received ${partition}`)
  }
  const found = await findOldEnds(parts, stretches.slice(0, count), stretches.slice(count))
  const from = found.from.map(({ partition, end }) => {
    return { partition, end: given.get(partition) ?? end }
  })
  return { ...found, from }
}

async function partitionerOf(
  parts: Parts,
  how: {
    readonly facts: ReplayFacts
    readonly ends: OldEnds
    readonly named: string | undefined
  },
): Promise<string> {
  const { facts, ends, named } = how
  if (named !== undefined) {
    const names = PARTITIONERS.map(({ name }) => name)
    if (partitionerNamed(named)) return named
    throw usage(
      `--partitioner: expected ${names.join(', ')}, received ${named}${suggestion(named, names)}`,
    )
  }
  const newest = await locateSample(parts.source, {
    records: SAMPLED_RECORDS,
    signal: new AbortController().signal,
    onProgress: () => undefined,
  })
  const sample = newest.map((part) => {
    const end = ends.from.find(({ partition }) => partition === part.partition)?.end ?? 0
    return { ...part, offset: Math.max(part.offset, end) }
  })
  const found = findPartitioner(await placedKeys(facts.pipeline, parts, sample))
  if (found.kind === 'found') return found.partitioner.name
  throw new TidemarkError(
    'REPLAY_REFUSED',
    `partitions were added, and how producers place keys cannot be told for certain: ${found.reason}. Nothing was planned. ` +
      `Ways on: plan it again when more records have come; say it, where you know it (--partitioner ${PARTITIONERS.map(({ name }) => name).join('|')}); or copy the log into a new topic by key`,
  )
}

function usage(message: string): TidemarkError {
  return new TidemarkError('USAGE', message)
}
