/** Bugs in the tables: slots, control, and the log of transactions. */
import { edit } from '../../test/mutations/edit.ts'
import type { SimulatedMutation } from './mutation.ts'

const FOLLOWER = 'src/engine/table-follower.ts'
const LANE = 'src/engine/table-lane.ts'
const SLOTS = 'src/table/slots.ts'
const DELTA_LOG = 'src/table/delta/log.ts'
const CHECKPOINT = 'src/table/delta/checkpoint.ts'
const TABLE = 'src/table/delta-table.ts'
const NOT_SEEN = '(seen) => compareVersions(seen, version) < 0,'

export const TABLE_MUTATIONS: readonly SimulatedMutation[] = [
  {
    name: 'slot versions are not compared',
    edits: [edit(SLOTS, NOT_SEEN, NOT_SEEN.replace('< 0', '< Infinity'))],
  },
  {
    name: 'slot positions are compared as text',
    edits: [
      edit(
        'src/table/file-name.ts',
        'return a.position === b.position ? 0 : a.position - b.position',
        'return String(a.position).localeCompare(String(b.position))',
      ),
    ],
  },
  {
    name: 'an emptied slot is not remembered',
    edits: [
      edit(
        SLOTS,
        'return emptied === undefined ? seen : [...seen, { generation, position: emptied }]',
        'return seen.length >= 0 ? seen : [{ generation, position: emptied ?? 0 }]',
      ),
    ],
  },
  {
    name: 'the log’s checkpoint forgets emptied slots',
    edits: [
      edit(
        SLOTS,
        '  if (!empty) return true\n',
        '  if (!empty) return true\n  if (empty) return false\n',
      ),
    ],
  },
  {
    name: 'complete days go back with an older writer',
    edits: [
      edit(
        SLOTS,
        'if (day > known) raised.set(partition, day)',
        'if (day !== known) raised.set(partition, day)',
      ),
    ],
  },
  {
    name: 'a slot is cleared that was dirtied again',
    edits: [
      edit(
        FOLLOWER,
        'if ((this.#dirty.get(key) ?? Infinity) < position) this.#flushed.set(key, position)',
        'this.#flushed.set(key, position)',
      ),
      edit(
        FOLLOWER,
        '!dirtiedNow.has(slot) && (this.#dirty.get(slot) ?? Infinity) < position,',
        '!dirtiedNow.has(slot) && position > 0,',
      ),
    ],
  },
  {
    name: 'a slot is cleared before its transaction',
    edits: [
      edit(
        FOLLOWER,
        '          changes[kind].push({ ...key, position: read.position, file })\n',
        '          changes[kind].push({ ...key, position: read.position, file })\n' +
          '          this.#flushed.set(formatSlot({ kind, view: lane.view, day, slot: read.slot }), read.position)\n',
      ),
    ],
  },
  {
    name: 'dirty slots are not restored after a restart',
    edits: [
      edit(
        'src/engine/open-table.ts',
        'const dirty = await state.dirtySlots()',
        'const dirty = new Map<string, number>()',
      ),
    ],
  },
  {
    name: 'after a restart a day is complete without the slots that waited',
    edits: [
      edit(
        FOLLOWER,
        'if (!this.#flushed.has(slot)) this.#await(slot)',
        'if (slot === "") this.#await(slot)',
      ),
    ],
  },
  {
    name: 'a day is complete before its every slot is in',
    edits: [edit(LANE, 'if (slots > 0 && day <= complete)', 'if (slots > 1 && day <= complete)')],
  },
  {
    name: 'corrections of closed days do not reach the days after',
    edits: [
      edit(
        'src/core/fold.ts',
        'for (let day = record.day; day <= last; day += 1) {',
        'for (let day = record.day; day <= Math.min(last, record.day); day += 1) {',
      ),
    ],
  },
  {
    name: 'a version of the log is put over that of another writer',
    edits: [
      edit(
        DELTA_LOG,
        'if (!(await this.#options.storage.putIfAbsent(this.#path(version), lines))) return false',
        'await this.#options.storage.put(this.#path(version), lines)',
      ),
    ],
  },
  {
    name: 'a repeated transaction deletes its own files as dropped ones',
    edits: [
      edit(
        TABLE,
        'paths.filter((path) => !snapshot?.isActive(path) && !snapshot?.removal(path)),',
        'paths.filter((path) => snapshot !== undefined && path.length > 0),',
      ),
    ],
  },
  {
    name: 'the pointer to a checkpoint of the log is put before the checkpoint',
    edits: [
      edit(
        CHECKPOINT,
        '  const temporary = `${await storage.staging()}',
        '  await storage.put(`${place.folder}/_last_checkpoint`, Buffer.from(JSON.stringify({ version, size: lines.length })))\n' +
          '  const temporary = `${await storage.staging()}',
      ),
    ],
  },
  {
    name: 'generations are not compared in a transaction',
    edits: [
      edit(
        'src/table/ownership.ts',
        'if (generation === own) return',
        'if (generation >= own) return',
      ),
    ],
  },
]
