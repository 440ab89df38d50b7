/**
 * The records of a partition in offset order, each once, out of files whose offsets may interleave. A file is opened only once
 * the merge has come to its first offset, so that files one after the other are open one at a time.
 */
import type { OffsetSpan } from '../core/offset-span.ts'
import type { ArchivedRecord } from '../engine/archive-port.ts'

export interface MergedFile {
  readonly span: OffsetSpan
  /** Ascending by offset where `span.isSorted`. */
  open(): AsyncIterable<readonly ArchivedRecord[]>
}

interface Cursor {
  readonly pieces: AsyncIterator<readonly ArchivedRecord[]>
  piece: readonly ArchivedRecord[]
  at: number
}

export async function* mergeByOffset(
  files: readonly MergedFile[],
): AsyncGenerator<readonly ArchivedRecord[]> {
  const waiting = files.toSorted((a, b) => a.span.first - b.span.first)
  const cursors: Cursor[] = []
  let given = -Infinity
  try {
    for (;;) {
      await openDue(waiting, cursors)
      const lowest = lowestOf(cursors)
      if (lowest === undefined) return
      const others = cursors.filter((cursor) => cursor !== lowest)
      const until = Math.min(headOf(lowestOf(others)), waiting[0]?.span.first ?? Infinity)
      const run = takeUntil(lowest, until, given)
      given = run.at(-1)?.offset ?? given
      if (run.length > 0) yield run
      if (lowest.at >= lowest.piece.length && !(await advance(lowest)))
        cursors.splice(cursors.indexOf(lowest), 1)
    }
  } finally {
    for (const { pieces } of cursors) await pieces.return?.()
  }
}

/** Files that begin at or before the lowest record at hand; the first one where there is none. */
async function openDue(waiting: MergedFile[], cursors: Cursor[]): Promise<void> {
  for (let [next] = waiting; next !== undefined; [next] = waiting) {
    if (cursors.length > 0 && next.span.first > headOf(lowestOf(cursors))) return
    waiting.shift()
    const cursor = await openCursor(next)
    if (cursor !== undefined) cursors.push(cursor)
  }
}

/** Records below `until`, at least one, without those already given. */
function takeUntil(cursor: Cursor, until: number, given: number): readonly ArchivedRecord[] {
  const { piece } = cursor
  const from = cursor.at
  let to = from + 1
  while (to < piece.length && (piece[to] as ArchivedRecord).offset < until) to += 1
  cursor.at = to
  let last = given
  return piece.slice(from, to).filter(({ offset }) => {
    if (offset <= last) return false
    last = offset
    return true
  })
}

async function openCursor(file: MergedFile): Promise<Cursor | undefined> {
  const cursor = { pieces: piecesOf(file)[Symbol.asyncIterator](), piece: [], at: 0 }
  return (await advance(cursor)) ? cursor : undefined
}

async function advance(cursor: Cursor): Promise<boolean> {
  for (;;) {
    const next = await cursor.pieces.next()
    if (next.done === true) return false
    if (next.value.length === 0) continue
    cursor.piece = next.value
    cursor.at = 0
    return true
  }
}

/** A file whose rows are in another order is sorted in memory. */
async function* sorted(file: MergedFile): AsyncGenerator<readonly ArchivedRecord[]> {
  const all: ArchivedRecord[] = []
  for await (const piece of file.open()) for (const record of piece) all.push(record)
  yield all.sort((a, b) => a.offset - b.offset)
}

function piecesOf(file: MergedFile): AsyncIterable<readonly ArchivedRecord[]> {
  return file.span.isSorted ? file.open() : sorted(file)
}

function lowestOf(cursors: readonly Cursor[]): Cursor | undefined {
  return cursors.reduce<Cursor | undefined>(
    (low, cursor) => (low === undefined || headOf(cursor) < headOf(low) ? cursor : low),
    undefined,
  )
}

function headOf(cursor: Cursor | undefined): number {
  return cursor?.piece[cursor.at]?.offset ?? Infinity
}
