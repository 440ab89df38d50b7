/**
 * The order of test files: those that take longest come first, so that no worker is left with one of them at the end while the
 * others have nothing to do. What is not named follows as vitest has it: by what it took last time, else by size.
 */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { BaseSequencer } from 'vitest/node'
import type { TestSpecification } from 'vitest/node'

const ROOT = path.dirname(path.dirname(import.meta.dirname))
/** Half a minute or more on two cores. */
const LONGEST = [
  'properties/law.property',
  'integration/storm/storm',
  'integration/engine/servers-kill',
  'integration/storm/stops-log',
  'integration/storm/stops-state',
  'integration/bench',
  'integration/cli',
  'integration/replay/storm',
  'integration/replay/backtest',
  'integration/engine/kill',
  'integration/demo',
  'integration/replay/versions',
  'integration/engine/servers-heal',
  'integration/replay/amendments',
  'integration/table/processes',
  'integration/stack',
  'integration/readme',
].map((name) => path.join(ROOT, 'test', `${name}.test.ts`))

const lost = LONGEST.filter((file) => !existsSync(file))
if (lost.length > 0) throw new Error(`test/support/longest-first.ts: no such file: ${lost.join()}`)

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const found = LONGEST.indexOf(moduleId)
      return found < 0 ? LONGEST.length : found
    }
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b))
  }
}
