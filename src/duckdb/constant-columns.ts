/**
 * Columns with one text in every row: a table of features names its definition and its run in each. DuckDB is given such a
 * text once, in the query, instead of once per row.
 */
import type { ColumnSpec, ColumnVector, GrowingVector, RowBuffer } from '../core/columns.ts'
import { quoteName, quoteText } from './sql.ts'

/** What a query text holds safely and shortly; any other text goes over as a row's value. */
const PLAIN_TEXT = /^[\x20-\x7e]{0,256}$/

/** By column: the text of all rows; undefined where they differ. */
export function constantTexts(rows: RowBuffer): (string | undefined)[] {
  return rows.columns.map((column) => (rows.rows === 0 ? undefined : constantText(column)))
}

/** The columns in their order, those of one text by their text, from a relation that has the others. */
export function withConstants(
  relation: string,
  columns: readonly ColumnSpec[],
  texts: readonly (string | undefined)[],
): string {
  const list = columns.map(({ name }, i) => {
    const text = texts[i]
    return text === undefined
      ? quoteName(name)
      : `${quoteText(text)}::VARCHAR AS ${quoteName(name)}`
  })
  return `(SELECT ${list.join(', ')} FROM ${relation})`
}

function constantText(column: ColumnVector): string | undefined {
  if (!('data' in column)) return undefined
  const { data, nullCount, length } = column as GrowingVector
  if (data.kind !== 'string' || nullCount > 0) return undefined
  const [text] = data.values
  if (text === undefined || !PLAIN_TEXT.test(text)) return undefined
  for (let row = 1; row < length; row++) if (data.values[row] !== text) return undefined
  return text
}
