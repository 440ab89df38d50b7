/**
 * A process that commits until it is killed, for the tests beside it: `tsx state-writer.ts DIRECTORY`. Prints the next
 * offset of each commit after its promise resolved. What it writes at an offset is a function of the offset.
 */
import { writeSync } from 'node:fs'
import { LevelPartitionState } from '../../src/leveldb/state.ts'
import { stateCommit } from '../conformance/state-fixtures.ts'
import { BATCH, boundsAt, tilesAt } from './state-history.ts'

const directory = process.argv[2]
if (directory === undefined) throw new Error('usage: state-writer.ts DIRECTORY')
await using state = await LevelPartitionState.open(directory)
for (let offset = state.head?.nextOffset ?? 0; ; offset += BATCH) {
  await state.commit(stateCommit(offset + BATCH, { tiles: tilesAt(offset) }))
  writeSync(1, `${offset + BATCH}\n`)
  if (offset % (4 * BATCH) === 0) await state.maintain(boundsAt(offset))
}
