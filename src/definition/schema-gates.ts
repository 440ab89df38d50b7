/** `views.<name>.validate` in the pipeline file: limits for the rows of each day. */
import * as z from 'zod'
import * as keys from './keys.ts'
import { literal } from './schema-condition.ts'

const ROWS_MAX = 1_000_000_000_000

const rows = z.strictObject({
  min: keys.integer(0, ROWS_MAX).optional().describe('Fewest rows of a day.'),
  max: keys.integer(0, ROWS_MAX).optional().describe('Most rows of a day.'),
  change: keys.change
    .optional()
    .describe('How far their number may be from the mean of the days before.'),
})

const range = z.strictObject({
  min: literal.optional().describe('No value is smaller.'),
  max: literal.optional().describe('No value is larger.'),
})

export const validation = z.strictObject({
  rows: rows.optional().describe('How many rows a day has.'),
  nulls: z
    .record(keys.name, keys.shareOrNone)
    .optional()
    .describe('Column (or feature: all its windows) -> largest share of its rows that is null.'),
  ranges: z
    .record(keys.name, range)
    .optional()
    .describe('Column (or feature) -> where all its values lie. Nulls are no values.'),
  change: z
    .record(keys.name, keys.change)
    .optional()
    .describe(
      'Column (or feature) of numbers -> how far the mean of a day may be from that of the days before.',
    ),
  previousDays: keys
    .integer(1, 366)
    .prefault(7)
    .describe(
      'How many days before are compared with. A day that has fewer before it is not judged by `change`.',
    ),
})
