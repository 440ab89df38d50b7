/**
 * Kinds of leaves that the pipeline file is made of: each with what a person is told to write there, the pattern for the
 * published JSON schema, and its conversion into what Tidemark works with.
 */
import * as z from 'zod'
import { parseDay } from '../core/day.ts'
import { parseInstant } from '../core/instant.ts'
import { LOCATION_RULE } from './storage-location.ts'
import {
  DURATION_PATTERN,
  SHARE_PATTERN,
  SIZE_PATTERN,
  parseDuration,
  parseShare,
  parseSize,
} from './units.ts'

export const NAME_PATTERN = /^[a-z][a-z0-9_]*$/
const NAME_RULE = 'a name of lower-case letters, digits and _ that begins with a letter'
const DURATION_RULE = 'a duration such as `30m`, `24h` or `7d` (units ms, s, m, h, d)'
const WINDOW_RULE =
  'whole days from `1d` to `366d` (stored tiles are civil days, so shorter windows cannot be answered)'

/** `user_activity`, or `user_activity@2` where a file has several versions of a view. */
const VIEW_KEY_PATTERN = /^[a-z][a-z0-9_]*(@[1-9]\d{0,5})?$/
const VIEW_KEY_RULE = `${NAME_RULE}, such as \`user_activity\`, or with a version behind it: \`user_activity@2\``

/** Strings that match a pattern; the rule completes "expected ...". */
function matching(pattern: RegExp, rule: string, title: string): z.ZodString {
  return z.string({ error: rule }).regex(pattern, { error: rule }).meta({ title })
}

export const name: z.ZodString = matching(NAME_PATTERN, NAME_RULE, 'name')

export const viewKey: z.ZodString = matching(VIEW_KEY_PATTERN, VIEW_KEY_RULE, 'name')

export function text(rule: string): z.ZodString {
  return z.string({ error: rule }).min(1, { error: rule }).meta({ title: 'text' })
}

/** As the brokers allow them. */
export const topic: z.ZodString = matching(
  /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/,
  'the name of a topic (letters, digits, `.`, `_` and `-`)',
  'text',
)

/** Like `text`, for something on the disk; relative to the pipeline file's directory. */
export function place(rule: string): z.ZodString {
  return text(rule).meta({ title: 'path' })
}

/** Like `place`, where it may be in an object store. */
export const location: z.ZodString = text(LOCATION_RULE).meta({ title: 'path or `s3://`' })

export function integer(min: number, max: number): z.ZodNumber {
  const error = `a whole number from ${min} to ${max}`
  return z.int({ error }).min(min, { error }).max(max, { error }).meta({ title: 'integer' })
}

export function choice<const Options extends readonly [string, ...string[]]>(
  options: Options,
): z.ZodEnum<{ [Option in Options[number]]: Option }> {
  const error = options.map((option) => `\`${option}\``).join(' or ')
  return z.enum(options, { error }).meta({ title: options.map((each) => `\`${each}\``).join(', ') })
}

export function flag(): z.ZodBoolean {
  return z.boolean({ error: '`true` or `false`' }).meta({ title: 'true/false' })
}

/** Out: milliseconds. */
export const duration = matching(DURATION_PATTERN, DURATION_RULE, 'duration').transform(
  parseDuration,
)

/** Out: days. */
export const window = matching(
  /^([1-9]|[1-9]\d|[12]\d\d|3[0-5]\d|36[0-6])d$/,
  WINDOW_RULE,
  'days',
).transform((days) => Number(days.slice(0, -1)))

/** Out: bytes. */
export const size = matching(
  SIZE_PATTERN,
  'a size such as `32MiB` (units B, KiB, MiB, GiB)',
  'size',
).transform(parseSize)

/** Out: 0..1, never 0. */
export const share = matching(
  SHARE_PATTERN,
  'a share such as `5%`, above 0% and at most 100%',
  'share',
)
  .refine((percent) => parseShare(percent) > 0, {
    error: 'a share such as `5%`, above 0% and at most 100%',
  })
  .transform(parseShare)

/** Out: 0..1. */
export const shareOrNone = matching(
  SHARE_PATTERN,
  'a share such as `5%`, from 0% to 100%',
  'share',
).transform(parseShare)

/** Out: 0 and more, beyond 1 too. */
export const change = matching(
  /^\d{1,6}(\.\d+)?%$/,
  'a change such as `20%` or `150%`',
  'change in %',
).transform(parseShare)

const DATE_RULE = 'a date such as `2000-01-01`'

/** Out: days since 1970-01-01. */
export const date = matching(/^\d{4}-\d{2}-\d{2}$/, DATE_RULE, 'date')
  .refine((day) => parseDay(day) !== undefined, { error: DATE_RULE })
  .transform((day) => parseDay(day) ?? 0)

const INSTANT_RULE = '`earliest`, `latest` or an instant such as `2026-01-31T00:00:00Z`'

/** Out: the word, or ms. */
export const start = text(INSTANT_RULE)
  .refine((at) => isWord(at) || typeof parseInstant(at) === 'number', { error: INSTANT_RULE })
  .transform((at) => (isWord(at) ? at : Number(parseInstant(at))))

function isWord(at: string): at is 'earliest' | 'latest' {
  return at === 'earliest' || at === 'latest'
}

/** One or a list of them. Out: always a list. */
export function oneOrMore<Part extends z.ZodType>(
  part: Part,
  rule: string,
): z.ZodType<readonly z.output<Part>[], z.input<Part> | z.input<Part>[]> {
  return z
    .union([part, z.array(part).min(1, { error: rule })], { error: rule })
    .transform((value) => (Array.isArray(value) ? value : [value]) as z.output<Part>[])
}
