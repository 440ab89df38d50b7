import { describe, expect, test } from 'vitest'
import { failureData, failureText } from '../../src/cli/failure.ts'
import { createLog } from '../../src/cli/logger.ts'
import { createMask } from '../../src/cli/secrets.ts'
import { TidemarkError } from '../../src/errors.ts'

const mask = createMask({})

describe('no secret is ever printed', () => {
  test.each([
    ['redis://user:hunter2@host:6379/0', 'redis://user:***@host:6379/0'],
    ['redis://:hunter2@host', 'redis://:***@host'],
    [
      'cannot reach rediss://u:p@ss/w0rd@host, giving up',
      'cannot reach rediss://u:***@host, giving up',
    ],
    ['https://h/x?token=abc123&a=1', 'https://h/x?token=***&a=1'],
    ['{"url":"redis://u:hunter2@h"}', '{"url":"redis://u:***@h"}'],
  ])('a password in an address is masked: %s', (text, masked) => {
    expect(mask(text)).toBe(masked)
  })

  test.each(['http://127.0.0.1:9092/x', 'events[0]@164028', 'key: 42', 'user_id=u42'])(
    'what is no secret stays: %s',
    (text) => {
      expect(mask(text)).toBe(text)
    },
  )

  test('the value of an environment variable that is named like a secret is masked wherever it turns up', () => {
    const known = createMask({
      REDIS_PASSWORD: 'hunter2"x',
      PWD: '/some/where',
      KEYBOARD: 'qwertz',
    })
    expect(known('a hunter2"x b /some/where qwertz')).toBe('a *** b /some/where qwertz')
    expect(known(JSON.stringify({ a: 'hunter2"x' }))).toBe('{"a":"***"}')
  })

  test.each([true, false])('log lines are masked, on a terminal (%s) or not', (isTerminal) => {
    const lines: string[] = []
    const log = createLog(
      { isTerminal, write: (line) => lines.push(line) },
      createMask({ API_TOKEN: 'geheim99' }),
      'info',
    )
    log.info(
      { url: 'redis://u:hunter2@h', password: 'swordfish', sasl: { password: 'swordfish' } },
      'with geheim99',
    )
    expect(lines.join('')).toContain('***')
    expect(lines.join('')).not.toMatch(/hunter2|swordfish|geheim99/)
  })

  test('a log line is one line of JSON where no terminal is', () => {
    const lines: string[] = []
    createLog({ isTerminal: false, write: (line) => lines.push(line) }, mask, 'info').warn(
      { n: 1 },
      'hello',
    )
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'warn', n: 1, msg: 'hello' })
  })
})

describe('how a failure is told', () => {
  const known = new TidemarkError('USAGE', 'x: expected a, received redis://u:hunter2@h', {
    details: { n: 2n ** 60n },
  })

  test('what an operator can meet has its code and no stack', () => {
    const text = failureText(known, { json: false, debug: false, mask })
    expect(text).toBe('error: x: expected a, received redis://u:***@h [USAGE]\n')
  })

  test('--debug adds the stack', () => {
    expect(failureText(known, { json: false, debug: true, mask })).toContain('at ')
  })

  test('as JSON it is one line with the code', () => {
    const text = failureText(known, { json: true, debug: false, mask })
    expect(text.trimEnd()).not.toContain('\n')
    expect(JSON.parse(text)).toMatchObject({
      error: { code: 'USAGE', details: { n: '1152921504606846976' } },
    })
  })

  test('a bug has its stack and asks to be reported', () => {
    const bug = new Error('boom', { cause: new Error('below') })
    const text = failureText(bug, { json: false, debug: false, mask })
    expect(text).toMatch(/please report/)
    expect(text).toMatch(/secrets\.test\.ts/)
    expect(text).toMatch(/caused by Error: below/)
    expect(failureData(bug, false).code).toBe('BUG')
  })
})
