import { expect, test } from 'vitest'
import { confirm } from '../../src/cli/confirm.ts'

const NOBODY = {
  terminal: {
    isTerminal: false,
    write: () => undefined,
    draw: () => undefined,
    clear: () => undefined,
  },
}

test('where nobody can be asked, the command line has to say yes', async () => {
  expect(await confirm(NOBODY, 'Publish?', { yes: true })).toBe(true)
  await expect(confirm(NOBODY, 'Publish?', { yes: false })).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining('say --yes') as string,
  })
})
