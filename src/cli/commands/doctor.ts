/** `tidemark doctor`: looks at the places, the clock and a sample of the records, and says what to mend. */
import type { Command } from 'commander'
import { action, definePipelineCommand, wholeNumber } from '../command.ts'
import type { Call } from '../command.ts'
import { OpenedParts, openSource } from '../compose.ts'
import { examinePipeline } from '../doctor.ts'
import type { Finding } from '../finding.ts'
import { plural } from '../words.ts'

interface DoctorOptions {
  readonly records: number
}

export function doctorCommand(): Command {
  return definePipelineCommand('doctor', {
    summary: 'look for what would go wrong, and measure the disorder of the log',
    description:
      'Checks that the places can be written and the servers be used (the topic and its settings, the group, the dead letters, Redis ' +
      'and its rights), that the key and the event time are found in the records, how producers partition them, and how far out of ' +
      'order they are, with the settings that this suggests. Writes nothing but a trial object in a bucket; exits with 1 where a problem is found.',
    examples: [
      ['tidemark doctor', 'on the last 100,000 records'],
      ['tidemark doctor -n 1000000', 'a larger sample measures lateness better'],
    ],
  })
    .option('-n, --records <count>', 'records to sample, over all partitions', wholeNumber, 100_000)
    .action(
      action<DoctorOptions>(async (call) => {
        const findings = await examine(call)
        if (call.json) call.out.json({ findings })
        else printFindings(call, findings)
        if (findings.some(({ verdict }) => verdict === 'problem')) call.fail(1)
      }),
    )
}

const PATIENCE_MS = 3_000

async function examine(call: Call<DoctorOptions>): Promise<Finding[]> {
  const pipeline = await call.pipeline()
  using interrupt = call.interrupt()
  await using opened = new OpenedParts()
  const source = opened.add(openSource(pipeline, { ...call, patienceMs: PATIENCE_MS }))
  using progress = call.progress('doctor')
  const sample = {
    records: call.options.records,
    signal: interrupt.signal,
    onProgress: (done: number, total: number): void =>
      progress.update(done, total, 'looking for the last records'),
  }
  return await examinePipeline({ pipeline, source, clock: call.clock, log: call.log, sample })
}

const MARKS = { ok: 'ok', warning: 'WARN', problem: 'FAIL' } as const

function printFindings({ out }: Call<DoctorOptions>, findings: readonly Finding[]): void {
  for (const { check, verdict, detail, advice } of findings) {
    out.line(`${MARKS[verdict].padEnd(5)} ${check}: ${detail}`)
    if (advice !== undefined) out.line(`      ${advice}`)
  }
  const problems = findings.filter(({ verdict }) => verdict === 'problem').length
  const warnings = findings.filter(({ verdict }) => verdict === 'warning').length
  out.line(`\n${plural(problems, 'problem')}, ${plural(warnings, 'warning')}`)
}
