/** One case in a process of its own: `tsx bench/case.ts BENCH CASE EVENTS` prints what it measured as JSON. */
import process from 'node:process'
import { BENCHES } from './benches.ts'

const [benchName = '', caseName, events] = process.argv.slice(2)
const found = BENCHES.get(benchName)?.cases.find(({ name }) => name === caseName)
if (found === undefined) throw new Error(`no case ${JSON.stringify(caseName)} of ${benchName}`)
process.stdout.write(JSON.stringify(await found.run({ events: Number(events) })))
