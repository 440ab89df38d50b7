/** `npm run stack` as a user has it: everything comes up and talks to each other, Ctrl-C stops all, the next start goes on. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ServerDirectory } from '../support/servers.ts'

const ROOT = path.dirname(path.dirname(import.meta.dirname))

/** Starts it, does `visit` with what it said, presses Ctrl-C; gives all that it said. */
async function withStack(
  data: string,
  visit: (said: string) => Promise<void>,
): Promise<{ readonly said: string; readonly code: unknown }> {
  const args = ['--import', 'tsx', 'servers/stack.ts', '--data', data]
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => (said += bytes.toString()))
  }
  const exited = once(child, 'exit')
  while (!said.includes('Ctrl-C stops')) {
    if (child.exitCode !== null) throw new Error(said)
    await sleep(50)
  }
  await visit(said)
  child.kill('SIGINT')
  const [code] = (await exited) as [unknown]
  return { said, code }
}

function address(said: string, name: string): string {
  return new RegExp(`^${name} +(http://[\\d.:]+)`, 'm').exec(said)?.[1] ?? `no ${name} in ${said}`
}

async function eventsRead(said: string): Promise<number> {
  const metrics = await (await fetch(`${address(said, 'tidemark')}/metrics`)).text()
  const counts = [...metrics.matchAll(/^tidemark_records_read_total(?:\{[^}]*\})? (\d+)/gm)]
  return counts.reduce((sum, [, count]) => sum + Number(count), 0)
}

test('the stack reads the month of history, is scraped, stops on Ctrl-C and goes on at the next start', async () => {
  using directory = new ServerDirectory()
  const first = await withStack(directory.path, async (said) => {
    await expect.poll(() => eventsRead(said), { timeout: 30_000 }).toBeGreaterThan(15_000)
    const up = `${address(said, 'Prometheus')}/api/v1/query?query=up`
    const scraped = async (): Promise<string> => (await fetch(up)).text()
    await expect.poll(scraped, { timeout: 40_000 }).toMatch(/"value":\[[\d.]+,"1"\]/)
  })
  expect(first.code).toBe(0)
  expect(first.said).toMatch(
    /tidemark stopped\nevents stopped\nPrometheus stopped\nRedis stopped\nKafka stopped/,
  )
  const second = await withStack(directory.path, async (said) => {
    await expect.poll(() => eventsRead(said), { timeout: 30_000 }).toBeGreaterThan(0)
    expect(await eventsRead(said)).toBeLessThan(15_000)
  })
  expect(second.code).toBe(0)
  expect(readFileSync(path.join(directory.path, 'tidemark', 'log'), 'utf8')).not.toContain(
    '"error"',
  )
})
