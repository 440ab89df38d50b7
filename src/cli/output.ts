/**
 * What a command answers, on stdout: lines and tables for people, one JSON document for machines. Nothing else goes there.
 */
import Table from 'cli-table3'

export interface Output {
  line(text?: string): void
  /** Aligned columns without frames, so that they can be cut and grepped. */
  table(head: readonly string[], rows: readonly (readonly string[])[]): void
  /** One document, integers beyond 2^53 as text. */
  json(value: unknown): void
}

export function createOutput(write: (text: string) => void): Output {
  return {
    line: (text = '') => write(`${text}\n`),
    table: (head, rows) => write(`${tableText(head, rows)}\n`),
    json: (value) => write(`${jsonText(value)}\n`),
  }
}

/** Instants that are not finite (before the first event) become null, as JSON has it anyway. */
export function jsonText(value: unknown, indent = 2): string {
  return JSON.stringify(
    value,
    (_, held: unknown) => (typeof held === 'bigint' ? held.toString() : held),
    indent,
  )
}

const NO_FRAME = Object.fromEntries(
  [
    ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left'],
    ['bottom-right', 'left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'],
  ]
    .flat()
    .map((part) => [part, '']),
)

export function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({
    head: [...head],
    chars: { ...NO_FRAME, middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  // A row that is too short would bring back a frame.
  for (const row of rows) table.push(head.map((_, column) => row[column] ?? ''))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}
