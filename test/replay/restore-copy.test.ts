import { expect, test } from 'vitest'
import type { Log } from '../../src/engine/ports.ts'
import { TidemarkError } from '../../src/errors.ts'
import { restoreFirst } from '../../src/replay/restore-copy.ts'
import type { LiveCopy } from '../../src/replay/start-parts.ts'

const DAMAGED = new TidemarkError('CHECKPOINT_DAMAGED', 'checkpoint 7 is damaged')

interface Tried {
  readonly found: boolean | Error
  readonly restored: readonly string[]
  readonly warnings: readonly string[]
}

/** Copies by what is in them: a text, or what reading it throws. */
async function tried(...contents: readonly (string | Error)[]): Promise<Tried> {
  const [restored, warnings]: [string[], string[]] = [[], []]
  const log: Log = {
    debug() {},
    info() {},
    warn: (_, message) => void warnings.push(message),
    error() {},
  }
  const restore = async (files: ReturnType<LiveCopy['files']>): Promise<void> => {
    for await (const { name } of files) restored.push(name)
  }
  const found = await restoreFirst(copies(contents), restore, log).catch((error: unknown) =>
    error instanceof Error ? error : new Error(String(error)),
  )
  return { found, restored, warnings }
}

async function* copies(contents: readonly (string | Error)[]): AsyncGenerator<LiveCopy> {
  for (const content of contents) {
    yield {
      async *files() {
        if (content instanceof Error) throw content
        yield { name: content, bytes: Buffer.from(content) }
      },
    }
  }
}

test('the first state that is whole is taken, and no other one is looked at', async () => {
  expect(await tried('a', 'b')).toEqual({ found: true, restored: ['a'], warnings: [] })
})

test('a damaged checkpoint is passed over with a warning for the one before', async () => {
  const warnings = [`${DAMAGED.message}. Trying the one before it`]
  expect(await tried(DAMAGED, 'b')).toEqual({ found: true, restored: ['b'], warnings })
})

test('where all are damaged it says so, where there is none nothing is restored', async () => {
  expect(await tried(DAMAGED)).toEqual({ found: DAMAGED, restored: [], warnings: [] })
  expect(await tried()).toEqual({ found: false, restored: [], warnings: [] })
})

test('a state that cannot be read now is not passed over', async () => {
  const unreachable = new TidemarkError('CHECKPOINT_UNAVAILABLE', 'no answer')
  expect(await tried(unreachable, 'b')).toMatchObject({ found: unreachable, restored: [] })
})
