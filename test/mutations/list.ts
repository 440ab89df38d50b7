/**
 * Deliberate bugs, each with the tests that must fail with it. What they show: the tests would notice. `npm run mutations`
 * plants them one by one in a copy of the tree; a unit test keeps each search text findable.
 */

import { edit, type Edit } from './edit.ts'

export interface Mutation {
  readonly name: string
  readonly edits: readonly Edit[]
  /** Test files of which at least one must fail. */
  readonly tests: readonly string[]
}

const TABLE = 'test/engine/table-follower.test.ts'
const ONLINE = 'test/engine/online-follower.test.ts'
const TICKS = 'test/engine/idle-ticks.test.ts'
const TIME = 'test/engine/partition-time.test.ts'
const RESTART = 'test/engine/restart.test.ts'
const LEASE = 'test/engine/lease.test.ts'

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'window off by one',
    edits: [
      edit(
        'src/core/window.ts',
        'this.#merge(window, day - days + 1, day)',
        'this.#merge(window, day - days, day)',
      ),
    ],
    tests: [TABLE],
  },
  {
    name: 'late dropped by a tick',
    edits: [
      edit(
        'src/core/partition-time.ts',
        'this.#policy.allowedLatenessMs <= this.#watermark',
        'this.#policy.allowedLatenessMs <= Math.max(this.#watermark, this.#state.ticked ?? -Infinity)',
      ),
    ],
    tests: [TICKS],
  },
  {
    name: 'a record exactly at the end of its lateness accepted',
    edits: [
      edit(
        'src/core/partition-time.ts',
        'this.#policy.allowedLatenessMs <= this.#watermark',
        'this.#policy.allowedLatenessMs < this.#watermark',
      ),
    ],
    tests: [TABLE],
  },
  {
    name: 'as-of stamped at the start of the day',
    edits: [
      edit(
        'src/core/feature-row.ts',
        'context.calendar.endOf(day)',
        'context.calendar.startOf(day)',
      ),
    ],
    tests: [TABLE],
  },
  {
    name: 'all-empty row missing',
    edits: [
      edit(
        'src/core/window.ts',
        "return newest === oldest ? 'all-empty' : 'none'",
        "return newest > oldest ? 'all-empty' : 'none'",
      ),
    ],
    tests: [TABLE],
  },
  {
    name: 'corrections do not reach the all-empty row',
    edits: [
      edit('src/core/fold.ts', 'record.day + longestWindow)', 'record.day + longestWindow - 1)'),
    ],
    tests: [TABLE],
  },
  {
    name: 'tiles merged in the wrong order',
    edits: [
      edit(
        'src/core/window.ts',
        'for (let slot = 0; slot < days.length; slot += 1) {\n      const day = days[slot] as DayIndex\n      if (day > to) return\n',
        'for (let slot = days.length - 1; slot >= 0; slot -= 1) {\n      const day = days[slot] as DayIndex\n      if (day > to) continue\n',
      ),
    ],
    tests: [TIME],
  },
  {
    name: 'watermark not restored after a restart',
    edits: [
      edit(
        'src/core/partition-time.ts',
        'this.#maxEventTime = state.maxEventTime ?? -Infinity',
        'this.#maxEventTime = -Infinity',
      ),
    ],
    tests: [TIME],
  },
  {
    name: 'event ids not persisted',
    edits: [
      edit(
        'src/engine/batch-fold.ts',
        'for (const [id, day] of judged.seen) notes.ids.set(id, day)',
        'judged.seen.size',
      ),
    ],
    tests: [TIME],
  },
  {
    name: 'the firewall refuses a future record after it moved the watermark',
    edits: [
      edit(
        'src/core/judge.ts',
        'const eventTime = events.eventTimes[i] as number\n    if (this.#time.isFuture(',
        'const eventTime = events.eventTimes[i] as number\n    this.#time.accept(eventTime, 0)\n    if (this.#time.isFuture(',
      ),
    ],
    tests: [TIME],
  },
  {
    name: 'a partition that is behind its log ticks',
    edits: [
      edit(
        'src/engine/partition-task.ts',
        "else if (reader.lag(this.#nextOffset) > 0) ticks.noteBusy('behind')",
        "else if (reader.lag(this.#nextOffset) < 0) ticks.noteBusy('behind')",
      ),
    ],
    tests: [TICKS],
  },
  {
    name: 'the store’s clock is not asked',
    edits: [
      edit(
        'src/engine/idle-ticks.ts',
        'Math.min(wallMs, await this.#storeNow())',
        'Math.max(wallMs, await this.#storeNow())',
      ),
    ],
    tests: [TICKS],
  },
  {
    name: 'version check left out in the online store',
    edits: [
      edit(
        'src/leveldb/online-rules.ts',
        "order > 0 ? 'write' : order === 0 ? 'renew' : 'refuse'",
        "order === 0 ? 'renew' : 'write'",
      ),
    ],
    tests: ['test/leveldb/online-store.test.ts'],
  },
  {
    name: 'versions compared as text',
    edits: [
      edit(
        'src/leveldb/online-rules.ts',
        'value.version.offset - stored.version.offset ||',
        'String(value.version.offset).localeCompare(String(stored.version.offset)) ||',
      ),
    ],
    tests: ['test/leveldb/online-store.test.ts'],
  },
  {
    name: 'the partition’s position as version instead of the entity’s offset',
    edits: [
      edit(
        'src/engine/online-teller.ts',
        'version: { generation, offset: tiles.offset, day: row.asOf }',
        'version: { generation, offset: committed.nextOffset - 1, day: row.asOf }',
      ),
    ],
    tests: [ONLINE],
  },
  {
    name: 'sweep missing: quiet entities do not decay',
    edits: [
      edit(
        'src/engine/online-follower.ts',
        'return closedDay + 1 > this.#marker.now.asOf && (!catchingUp || this.#draining)',
        'return closedDay + 1 > this.#marker.now.asOf + 1e9 && (!catchingUp || this.#draining)',
      ),
    ],
    tests: [ONLINE],
  },
  {
    name: 'marker advanced before the acknowledgement',
    edits: [
      edit(
        'src/engine/online-follower.ts',
        'const { taken, upTo } = await this.#tellPending()\n    //',
        'await this.#advance({ ...this.#marker.now, position: this.#context.committed.nextOffset }, incarnation)\n    const { taken, upTo } = await this.#tellPending()\n    //',
      ),
    ],
    tests: [ONLINE],
  },
  {
    name: 'a loss while running is not noticed',
    edits: [
      edit(
        'src/engine/online-marker.ts',
        '{ marker: last, incarnation }),',
        '{ marker: undefined, incarnation }),',
      ),
    ],
    tests: [ONLINE],
  },
  {
    name: 'a connection that was made anew is trusted with what was told before it',
    edits: [
      edit(
        'src/engine/online-follower.ts',
        'if (await this.#advance({ ...this.#marker.now, position }, incarnation)) this.#noteTold()',
        'if (await this.#advance({ ...this.#marker.now, position }, this.#store.incarnation)) this.#noteTold()',
      ),
    ],
    tests: [ONLINE],
  },
  {
    name: 'the marker is compared only when something is told',
    edits: [
      edit(
        'src/engine/online-follower.ts',
        'this.#marker.comparedMsAgo >= MARKER_CHECK_MS',
        'this.#marker.comparedMsAgo >= MARKER_CHECK_MS * 1e9',
      ),
    ],
    tests: [ONLINE],
  },
  {
    name: 'a store that is away holds back the start',
    edits: [
      edit(
        'src/engine/partition-set.ts',
        '      held.opened = opened\n',
        '      held.opened = opened\n      await this.#parts.online?.marker(partition)\n',
      ),
    ],
    tests: [ONLINE],
  },
  {
    name: 'a revoked partition goes on',
    edits: [
      edit('src/engine/partition-set.ts', '    stop.abort()\n    held.done', '    held.done'),
    ],
    tests: [LEASE],
  },
  {
    name: 'kept partitions are opened again at each assignment',
    edits: [
      edit(
        'src/engine/partition-set.ts',
        'if (!partitions.has(held.partition)) this.#revoke(held)',
        'this.#revoke(held)',
      ),
    ],
    tests: [LEASE],
  },
  {
    name: 'the group is left before the partitions are released',
    edits: [
      edit(
        'src/engine/run-pipeline.ts',
        '    await set.close().finally(async () => {',
        '    await parts.lease?.[Symbol.asyncDispose]()\n    await set.close().finally(async () => {',
      ),
    ],
    tests: [LEASE],
  },
  {
    name: 'the start is resolved at every start',
    edits: [
      edit(
        'src/engine/run-pipeline.ts',
        'origins: segments.map(({ origin }) => origin),',
        'origins: segments.length > 0 ? await parts.source.origins() : [],',
      ),
    ],
    tests: [LEASE],
  },
  {
    name: 'an added column is not waited for',
    edits: [
      edit(
        'src/core/window.ts',
        'for (const since of this.#added) if (since > day) next = Math.min(next, since)',
        '',
      ),
    ],
    tests: ['test/engine/generation.test.ts'],
  },
  {
    name: 'a slot cleared although it was dirtied again',
    edits: [
      edit(
        'src/engine/table-follower.ts',
        'if ((this.#dirty.get(key) ?? Infinity) < position) this.#flushed.set(key, position)',
        'this.#flushed.set(key, position)',
      ),
      edit(
        'src/engine/table-follower.ts',
        '!dirtiedNow.has(slot) && (this.#dirty.get(slot) ?? Infinity) < position,',
        '!dirtiedNow.has(slot) && position > 0,',
      ),
    ],
    tests: [TABLE],
  },
  {
    name: 'a day complete before its every slot is in',
    edits: [
      edit(
        'src/engine/table-lane.ts',
        'if (slots > 0 && day <= complete) complete = day - 1',
        'if (slots > 1 && day <= complete) complete = day - 1',
      ),
    ],
    tests: [TABLE],
  },
  {
    name: 'slot versions not compared in the table',
    edits: [
      edit(
        'src/table/slots.ts',
        '(seen) => compareVersions(seen, version) < 0,',
        '(seen) => compareVersions(seen, version) < Infinity,',
      ),
    ],
    tests: ['test/table/delta-table.test.ts'],
  },
  {
    name: 'rejects kept after the commit instead of before it',
    edits: [
      edit(
        'src/engine/commit.ts',
        '  if (work.rejects.length > 0) await effects.rejects.write(work.rejects)\n  await effects.state.commit(work.state)\n',
        '  await effects.state.commit(work.state)\n  if (work.rejects.length > 0) await effects.rejects.write(work.rejects)\n',
      ),
    ],
    tests: [RESTART],
  },
  {
    name: 'tiles evicted that a slot still to be written needs',
    edits: [
      edit(
        'src/engine/maintenance-bounds.ts',
        'Math.min(committed.finalDay + 1, oldestDirty, asOf)',
        'Math.min(committed.finalDay + 1, Math.max(oldestDirty, asOf), asOf)',
      ),
    ],
    tests: [TIME],
  },
  {
    name: 'a milestone does not know of an id whose repetition lies ahead',
    edits: [
      edit(
        'src/core/judge.ts',
        '    this.#time.noteId(bucket)\n    return counts',
        '    if (!counts) this.#time.noteId(bucket)\n    return counts',
      ),
    ],
    tests: ['test/sim/milestones.test.ts'],
  },
  {
    name: 'a milestone forgets ids by the newest accepted event alone',
    edits: [
      edit(
        'src/replay/known-points.ts',
        '({ offset, newestIdDay }) =>\n      offset <= counts.offset &&\n      (newestIdDay === -Infinity ||\n        calendar.endOf(newestIdDay) +',
        '({ offset, maxEventTime }) =>\n      offset <= counts.offset &&\n      (maxEventTime === -Infinity ||\n        calendar.endOf(calendar.dayOf(maxEventTime)) +',
      ),
    ],
    tests: ['test/replay/milestone-rule.property.test.ts'],
  },
  {
    name: 'regrouped states forget which of their ids lie ahead',
    edits: [
      edit(
        'src/replay/regroup.ts',
        '    ...(newestIdDay === -Infinity ? {} : { newestIdDay }),\n',
        '    ...(newestIdDay === Infinity ? { newestIdDay } : {}),\n',
      ),
    ],
    tests: ['test/replay/regrouped-later.test.ts'],
  },
  {
    name: 'a partition that was added begins as an untouched one',
    edits: [
      edit(
        'src/engine/open-partition.ts',
        'const origin = regrouping?.offset ?? head.origin',
        'const origin = head.origin',
      ),
    ],
    tests: ['test/replay/regrouping.test.ts'],
  },
  {
    name: 'the furthest state of a replay is taken over instead of the published one',
    edits: [
      edit('src/engine/hand-over.ts', 'head.nextOffset <= named', 'head.nextOffset <= named + 1e9'),
    ],
    tests: ['test/engine/hand-over.test.ts'],
  },
  {
    name: 'owners that come before a publish call its days complete',
    edits: [
      edit(
        'src/engine/table-follower.ts',
        'const isAwaited = this.#swap.generation !== undefined',
        'const isAwaited = (this.#swap.generation ?? 0) > 1e9',
      ),
    ],
    tests: ['test/engine/awaited-swap.test.ts'],
  },
  {
    name: 'what a taken-back generation left on days that close anew stays where nothing takes its place',
    edits: [
      edit(
        'src/engine/left-slots.ts',
        'day > after && day <= through',
        'day > after && day < after',
      ),
    ],
    tests: ['test/engine/hand-over.test.ts'],
  },
  {
    name: 'the first marker comes after the first values',
    edits: [
      edit(
        'src/engine/online-marker.ts',
        'if (stored === undefined && reason === undefined) await',
        'if (stored !== undefined && reason === undefined) await',
      ),
    ],
    tests: ['test/engine/online-follower.test.ts'],
  },
  {
    name: 'a publisher looks for unfinished generations before it reads the records that it follows',
    edits: [
      edit(
        'src/replay/publish.ts',
        'const replay = await parts.replays.get(id)\n    const work = { ...nextWork(replay, records)',
        'const replay = await parts.replays.get(id)\n    const work = { ...nextWork(replay, await readRecords(parts.generations))',
      ),
    ],
    tests: ['test/replay/publish.test.ts'],
  },
  {
    name: 'a partition without an event stages the days of the range alone',
    edits: [
      edit(
        'src/replay/plan-scope.ts',
        'if (isOpen && awaitsFirstEvent(',
        'if (!isOpen && awaitsFirstEvent(',
      ),
    ],
    tests: ['test/replay/plan-replay.test.ts'],
  },
  {
    name: 'a reset watermark makes all partitions forget their days',
    edits: [
      edit(
        'src/engine/open-partition.ts',
        'const since = handedOver?.forgetsDays.get(partition) ?? 0',
        'const since = Math.max(0, ...(handedOver?.forgetsDays.values() ?? []))',
      ),
    ],
    tests: ['test/engine/hand-over.test.ts'],
  },
  {
    name: 'who was taken for dead deletes files of checkpoints all the same',
    edits: [
      edit(
        'src/checkpoint/prune.ts',
        'if (!readable || !(await pruning.isHeardOf())) return []',
        'if (!readable) return []',
      ),
    ],
    tests: ['test/checkpoint/checkpoint-store.test.ts'],
  },
]
