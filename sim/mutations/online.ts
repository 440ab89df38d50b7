/** Bugs in what the online store is told, and in what is believed of it. The store's own rules are those of the one in memory. */
import { edit } from '../../test/mutations/edit.ts'
import type { SimulatedMutation } from './mutation.ts'

const STORE = 'src/memory/online-store.ts'
const FOLLOWER = 'src/engine/online-follower.ts'
const MARKER = 'src/engine/online-marker.ts'
const TELLER = 'src/engine/online-teller.ts'

export const ONLINE_MUTATIONS: readonly SimulatedMutation[] = [
  {
    name: 'versions are compared as text',
    edits: [
      edit(
        STORE,
        'return value.version.offset - held.version.offset || value.version.day - held.version.day',
        'return String(value.version.offset).localeCompare(String(held.version.offset)) || value.version.day - held.version.day',
      ),
    ],
  },
  {
    name: 'a zombie’s lower version is accepted',
    edits: [edit(STORE, '} else if (order > 0) {', '} else if (order !== 0) {')],
  },
  {
    name: 'the partition’s position is the version instead of the entity’s offset',
    edits: [
      edit(
        TELLER,
        'version: { generation, offset: tiles.offset, day: row.asOf }',
        'version: { generation, offset: committed.nextOffset - 1, day: row.asOf }',
      ),
    ],
  },
  {
    name: 'the as-of day is no part of the version',
    edits: [
      edit(
        TELLER,
        'version: { generation, offset: tiles.offset, day: row.asOf }',
        'version: { generation, offset: tiles.offset, day: 0 }',
      ),
    ],
  },
  {
    name: 'the marker is ignored at a start',
    edits: [edit(FOLLOWER, 'else if (reason !== undefined)', 'else if (false)')],
  },
  {
    name: 'the marker is advanced before the values are acknowledged',
    edits: [
      edit(
        FOLLOWER,
        'const { taken, upTo } = await this.#tellPending()\n    //',
        'await this.#advance({ ...this.#marker.now, position: this.#context.committed.nextOffset }, incarnation)\n    const { taken, upTo } = await this.#tellPending()\n    //',
      ),
    ],
  },
  {
    name: 'a loss while running is not noticed',
    edits: [
      edit(MARKER, '{ marker: last, incarnation }),', '{ marker: undefined, incarnation }),'),
    ],
  },
  {
    name: 'the incarnation of the store is ignored',
    edits: [edit(STORE, 'if (isLost || expected.incarnation !== this.incarnation)', 'if (isLost)')],
  },
  {
    name: 'a sweep is marked as done when it begins, and its cursor is not persisted',
    edits: [
      edit(FOLLOWER, 'scan: this.#scan?.position }', 'scan: undefined }'),
      edit(MARKER, "if (stored.scanId !== undefined) return 'loss'", ''),
      edit(
        FOLLOWER,
        'await this.#advance({ ...this.#marker.now, scanId: scan.position.id }, incarnation)',
        'await this.#advance({ ...this.#marker.now, asOf: scan.asOf, scanId: scan.position.id }, incarnation)',
      ),
    ],
  },
  {
    name: 'no sweep after a close: quiet entities do not decay',
    edits: [
      edit(
        FOLLOWER,
        'return closedDay + 1 > this.#marker.now.asOf && (!catchingUp || this.#draining)',
        'return closedDay + 1 > this.#marker.now.asOf + 1e9 && (!catchingUp || this.#draining)',
      ),
    ],
  },
  {
    name: 'changes during a scan are left out',
    edits: [
      edit(
        FOLLOWER,
        'between: async () => (await this.#tellPending()).upTo,',
        'between: async () => { this.#pending.clear(); return this.#context.committed.nextOffset },',
      ),
    ],
  },
  {
    name: 'the store does not compare generations',
    edits: [
      edit(
        STORE,
        '  if (generations !== 0) return generations\n',
        '  if (generations > 1e9) return generations\n',
      ),
    ],
  },
  {
    name: 'a new generation does not tell its values anew',
    edits: [
      edit(
        MARKER,
        "if (stored.generation < generation) return 'generation'",
        "if (stored.generation > generation) return 'generation'",
      ),
    ],
  },
]
