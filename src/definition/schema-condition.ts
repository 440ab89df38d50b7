/** `where` in the pipeline file: the part of the schema that contains itself. */
import * as z from 'zod'
import * as keys from './keys.ts'
import type { Literal } from './literal.ts'

export const literal: z.ZodType<Literal, Literal> = z
  .union([z.string(), z.number(), z.bigint(), z.boolean()], {
    error: 'a text, a number or true/false (for absence write `{ present: false }`)',
  })
  .meta({ title: 'value' })

const literals = z.union(
  [literal, z.array(literal).min(1, { error: 'a list of at least one value' })],
  {
    error: 'a value or a list of values (for absence write `{ present: false }`)',
  },
)

const operators = z.strictObject({
  eq: literal.optional().describe('equal'),
  ne: literal.optional().describe('not equal; true where the field is absent'),
  not: literals
    .optional()
    .describe('not this value, none of these values; true where the field is absent'),
  in: z
    .array(literal)
    .min(1, { error: 'a list of at least one value' })
    .optional()
    .describe('one of'),
  gt: literal.optional().describe('greater than'),
  gte: literal.optional().describe('greater than or equal'),
  lt: literal.optional().describe('less than'),
  lte: literal.optional().describe('less than or equal'),
  present: keys.flag().optional().describe('whether the field is there and not null'),
})

export type OperatorsFile = z.output<typeof operators>
export type FieldTest = Literal | readonly Literal[] | OperatorsFile
export interface ConditionFile {
  readonly any?: readonly ConditionFile[] | undefined
  readonly all?: readonly ConditionFile[] | undefined
  readonly not?: ConditionFile | undefined
  readonly [field: string]: FieldTest | readonly ConditionFile[] | ConditionFile | undefined
}

export const condition: z.ZodType<ConditionFile> = z
  .object({
    get any() {
      return conditions.optional().describe('At least one of these holds.')
    },
    get all() {
      return conditions.optional().describe('All of these hold.')
    },
    get not() {
      return condition.optional().describe('This does not hold.')
    },
  })
  .catchall(
    z.union(
      [literal, z.array(literal).min(1, { error: 'a list of at least one value' }), operators],
      {
        error: 'a value, a list of values or a test such as `{ gte: 10 }`',
      },
    ),
  )
  .meta({
    id: 'condition',
    title: 'condition',
    description:
      'Field name -> a value (equal), a list (one of), or a test; several entries are and-ed. A comparison with an absent field is false, and `not` of it is true.',
  })
const conditions = z.array(condition).min(1, { error: 'a list of at least one condition' })
