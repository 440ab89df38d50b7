/**
 * `npm run bench -- NAME [--events N] [--only TEXT] [--json]`: measures the cases of a benchmark one after the other, each
 * in a process of its own, and prints them beside the least that the same work could cost. Without a name: all of them.
 *
 * Per CPU second counts all threads of the process, so it is the figure that other load on the machine disturbs least.
 */
import { spawn } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { tableText } from '../src/cli/output.ts'
import { countWords } from '../src/cli/words.ts'
import type { Bench, BenchCase } from './bench.ts'
import { BENCHES } from './benches.ts'
import { describeMachine, machineLine } from './machine.ts'
import type { Measured } from './measure.ts'

const CASE_FILE = fileURLToPath(new URL('case.ts', import.meta.url))
const USAGE = `usage: npm run bench -- [NAME] [--events N] [--only TEXT] [--json]
names: ${[...BENCHES.keys()].join(', ')}
`

interface Wanted {
  readonly names: readonly string[]
  readonly events: number | undefined
  readonly only: string
  readonly json: boolean
}

interface Result extends Measured {
  readonly bench: string
  readonly case: string
  readonly isLimit: boolean
}

function readArguments(args: readonly string[]): Wanted | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        events: { type: 'string' },
        only: { type: 'string', default: '' },
        json: { type: 'boolean', default: false },
      },
    })
    const names = positionals.length === 0 ? [...BENCHES.keys()] : positionals
    const events = values.events === undefined ? undefined : Number(values.events)
    const isKnown = names.every((name) => BENCHES.has(name))
    const isCount = events === undefined || (Number.isInteger(events) && events > 0)
    return isKnown && isCount ? { names, events, only: values.only, json: values.json } : undefined
  } catch {
    return undefined
  }
}

async function main(): Promise<number> {
  const wanted = readArguments(process.argv.slice(2))
  if (wanted === undefined) {
    process.stderr.write(USAGE)
    return 2
  }
  const machine = describeMachine()
  const results: Result[] = []
  if (!wanted.json) console.log(machineLine(machine))
  for (const name of wanted.names) {
    const bench = BENCHES.get(name)
    if (bench === undefined) continue
    const measured = await runBench(name, bench, wanted)
    results.push(...measured)
    if (!wanted.json) printBench(name, bench, measured)
  }
  if (wanted.json) console.log(JSON.stringify({ machine, results }, null, 2))
  return 0
}

async function runBench(name: string, bench: Bench, { events, only }: Wanted): Promise<Result[]> {
  const results: Result[] = []
  for (const each of bench.cases.filter((candidate) => candidate.name.includes(only))) {
    process.stderr.write(`${name}: ${each.name} ...\n`)
    const measured = await runCase(name, each, events ?? bench.events)
    results.push({ bench: name, case: each.name, isLimit: each.isLimit === true, ...measured })
  }
  return results
}

function runCase(bench: string, { name }: BenchCase, events: number): Promise<Measured> {
  return new Promise((resolve, reject) => {
    const args = ['--import', 'tsx', CASE_FILE, bench, name, String(events)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(output) as Measured)
      else reject(new Error(`${bench}: ${name} failed with exit code ${code}`))
    })
  })
}

function printBench(name: string, { about, unit }: Bench, results: readonly Result[]): void {
  console.log(`\n${name}: ${about}\n`)
  console.log(
    tableText(
      [
        'CASE',
        '',
        unit.toUpperCase(),
        'SECONDS',
        `${unit.toUpperCase()}/S`,
        'PER CPU S',
        'PEAK MIB',
        '',
      ],
      results.map((result) => [
        result.case,
        result.isLimit ? 'limit' : '',
        countWords(result.count),
        result.seconds.toFixed(2),
        countWords(result.count / result.seconds),
        countWords(result.count / result.cpuSeconds),
        countWords(result.peakRssMiB),
        notesText(result.notes),
      ]),
    ),
  )
}

function notesText(notes: Readonly<Record<string, number>>): string {
  return Object.entries(notes)
    .map(
      ([name, value]) =>
        `${name} ${Number.isInteger(value) ? countWords(value) : value.toFixed(2)}`,
    )
    .join('; ')
}

process.exitCode = await main()
