/** Columns of a Parquet archive that hold fields of the event, and the JSON that a row of them is. */
import { formatDay } from '../core/day.ts'
import type { Cell } from './cell.ts'

export interface Leaf {
  /** Dotted, as it was asked for. */
  readonly name: string
  /** Where it lies in the JSON. */
  readonly path: readonly string[]
  readonly kind:
    'instant' | 'digits' | 'integer' | 'real' | 'boolean' | 'date' | 'text' | 'other' | 'lacking'
  readonly sql: string
}

type Cells = Readonly<Record<string, Cell>>
type Writer = (cells: Cells) => string

interface Branch {
  readonly children: Map<string, Branch>
  write: Writer | undefined
}

/** Leaves are columns `f0`, `f1` ... of the row. */
export function compileLeaves(leaves: readonly Leaf[]): { readonly toJson: Writer } {
  const root: Branch = { children: new Map(), write: undefined }
  leaves.forEach((leaf, index) => {
    if (leaf.kind === 'lacking') return
    let branch = root
    for (const name of leaf.path) {
      const known = branch.children.get(name) ?? {
        children: new Map<string, Branch>(),
        write: undefined,
      }
      branch.children.set(name, known)
      branch = known
    }
    const write = writerOf(leaf.kind)
    const column = `f${index}`
    branch.write = (cells) => {
      const cell = cells[column] ?? null
      return cell === null ? 'null' : write(cell)
    }
  })
  return { toJson: objectWriter(root) }
}

function objectWriter({ children, write }: Branch): Writer {
  if (children.size === 0) return write ?? (() => '{}')
  const members = [...children].map(([name, branch]) => ({
    name: JSON.stringify(name),
    write: objectWriter(branch),
  }))
  return (cells) => {
    let text = '{'
    for (const [index, member] of members.entries())
      text += `${index === 0 ? '' : ','}${member.name}:${member.write(cells)}`
    return `${text}}`
  }
}

function writerOf(kind: Exclude<Leaf['kind'], 'lacking'>): (cell: Cell) => string {
  switch (kind) {
    case 'instant':
      return (micros) =>
        String(typeof micros === 'bigint' ? micros / 1000n : Math.floor(Number(micros) / 1_000))
    case 'digits':
    case 'integer':
    case 'boolean':
      return (cell) => (typeof cell === 'object' ? 'null' : String(cell))
    // What JSON cannot hold is an object, which is of the wrong type for any field.
    case 'real':
      return (cell) =>
        typeof cell === 'number' && Number.isFinite(cell) ? String(cell) : '{"double":true}'
    case 'date':
      return (day) => JSON.stringify(formatDay(day as number))
    case 'text':
      return (text) => JSON.stringify(text)
    case 'other':
      return () => '{"other":true}'
  }
}
