/**
 * Somebody publishes the next generation, of the same definitions: processes that start from now on write under it, those that
 * run do not know of it yet and must stop, having written nothing, once they meet what it has taken over.
 */
import type { GenerationRecord } from '../src/core/generation.ts'
import type { ReplayResult } from '../src/replay/records.ts'
import type { GenerationWatch } from './machine.ts'
import type { World } from './world.ts'

const DAY_MS = 86_400_000
const FOLDER = '_tidemark/generations/'

/** Paths of the records, in order. */
export function generationRecords({ tables }: Pick<World, 'tables'>): string[] {
  return [...tables.contents.keys()].filter((path) => path.startsWith(FOLDER)).sort()
}

/** What a generation's record says; undefined: there is none yet. */
export function recordOfGeneration(
  { tables }: World,
  generation: number,
): GenerationRecord | undefined {
  const path = `${FOLDER}${String(generation).padStart(6, '0')}.json`
  const bytes = tables.contents.get(path)?.bytes
  return bytes && (JSON.parse(Buffer.from(bytes).toString('utf8')) as GenerationRecord)
}

/** Generations that owners come into with the states of a replay or a rollback, and not with their own. */
export function handOverGenerations(world: World): number[] {
  return generationRecords(world).flatMap((path) => {
    const bytes = world.tables.contents.get(path)?.bytes ?? '{}'
    const record = JSON.parse(Buffer.from(bytes).toString('utf8')) as GenerationRecord
    return record.handOver?.kind === 'states' ? [record.generation] : []
  })
}

/** Where the furthest owner stood that the last hand-over of states has replaced, as far as it is kept by now. */
export function keptPosition(world: World, partition: number): number {
  return furthestKept(world, partition, handOverGenerations(world).slice(-1))
}

function furthestKept(
  { tables: { contents } }: World,
  partition: number,
  generations: readonly number[],
): number {
  const folders = generations.map((generation) => `_tidemark/states/replaced/${generation}/`)
  const manifest = `/partition-${String(partition).padStart(5, '0')}/checkpoints/`
  const kept = [...contents]
    .filter(([path]) => folders.some((folder) => path.startsWith(folder)))
    .filter(([path, { bytes }]) => {
      return path.includes(manifest) && Buffer.from(bytes).includes('"checkpoint":{')
    })
    .map(([path]) => Number(/\/\d+-(\d+)-[^/]*$/.exec(path)?.[1]))
  return Math.max(-Infinity, ...kept)
}

export function generationWatch(world: World): GenerationWatch {
  return {
    onRaised: (partition, from, to) => {
      const replaced = handOverGenerations(world).find((each) => each > from && each <= to)
      if (replaced !== undefined)
        world.violation(
          `the state of partition ${partition} of generation ${from} goes on under ${to}, and ${replaced} had replaced it`,
        )
    },
    onReplaced: (partition, nextOffset) => {
      // The one who replaces it may not know of the last hand-over yet.
      const kept = furthestKept(world, partition, handOverGenerations(world))
      if (kept < nextOffset)
        world.violation(
          `the state of partition ${partition} at ${nextOffset} is replaced, and what is kept for a rollback stands at ${kept}`,
        )
    },
  }
}

export function publishGeneration(world: World): void {
  const { tables, trace, coverage, wallMs } = world
  const last = generationRecords(world).at(-1)
  const content = last === undefined ? undefined : tables.contents.get(last)
  if (content === undefined) return
  const record = JSON.parse(Buffer.from(content.bytes).toString('utf8')) as GenerationRecord
  const generation = record.generation + 1
  // Owners go on with what they have.
  const { handOver: _, ...kept } = record
  const text = `${JSON.stringify({ ...kept, generation }, undefined, 2)}\n`
  const path = `${FOLDER}${String(generation).padStart(6, '0')}.json`
  tables.contents.set(path, { bytes: Buffer.from(text), modifiedMs: Math.floor(wallMs) })
  trace.note('operator', `*** generation ${generation} is published`)
  coverage.hit('fault generation published')
}

/** Whether two generations amend the same. */
export function meansTheSame(world: World, a: number, b: number): boolean {
  const [one, other] = [a, b].map((each) => recordOfGeneration(world, each)?.amendments)
  return a === b || JSON.stringify(one) === JSON.stringify(other)
}

/**
 * Whether the publish of a generation is to leave a day of a partition as it is, since its replay has not closed it. A watermark that a
 * dropped record had moved goes back, and takes days with it.
 */
export function leavesPlace(
  world: World,
  generation: number,
  { ds, partition }: { readonly ds: string; readonly partition: number },
): boolean {
  const record = recordOfGeneration(world, generation)
  const by = record?.handOver?.by
  if (by?.did !== 'publish' || record?.amendments.some(({ kind }) => kind === 'drop') === true)
    return false
  const bytes = world.tables.contents.get(`_tidemark/plans/${by.replay}/result.json`)?.bytes
  const result = bytes && (JSON.parse(Buffer.from(bytes).toString('utf8')) as ReplayResult)
  const own = result?.partitions.find((one) => one.partition === partition)
  return own !== undefined && Date.parse(ds) / DAY_MS > (own.closedDay ?? -Infinity)
}

/** What a replay has amended holds on, until a rollback takes it back. */
export function amendmentProblems(world: World): string[] {
  const problems: string[] = []
  for (let generation = 2; generation <= generationRecords(world).length; generation += 1) {
    const [before, now] = [generation - 1, generation].map((each) =>
      recordOfGeneration(world, each),
    )
    if (now?.handOver?.by?.did === 'rollback') continue
    const kept = new Set(now?.amendments.map((one) => JSON.stringify(one)))
    for (const one of before?.amendments ?? [])
      if (!kept.has(JSON.stringify(one)))
        problems.push(`generation ${generation} forgets the amendment ${JSON.stringify(one)}`)
  }
  return problems
}
