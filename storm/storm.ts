/**
 * A storm: real servers, started once, and its stages one after the other. It ends with what was survived, or throws with the seed,
 * the plan, and the directory in which everything is found that the processes said.
 */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { startKafka } from '../servers/kafka.ts'
import { startRedis } from '../servers/redis.ts'
import { planText, type StormPlan } from './plan.ts'
import { runStage, stageDirectory, type StageResult } from './stage.ts'
import { Timeline } from './timeline.ts'

const DIFFERENCES_TOLD = 20

const BROKER_SETTINGS = {
  'group.min.session.timeout.ms': '500',
  // Transactions whose producer is gone are ended soon.
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
}

export interface StormPlace {
  /** Of its own; everything is in it, and stays. */
  readonly directory: string
  readonly tell: (line: string) => void
}

export async function runStorm(
  plan: StormPlan,
  { directory, tell }: StormPlace,
): Promise<StageResult[]> {
  mkdirSync(directory, { recursive: true })
  const timeline = new Timeline(directory, tell)
  timeline.note(`seed ${plan.seed}\n${planText(plan)}`)
  await using kafka = await startKafka({
    directory: path.join(directory, 'kafka'),
    proxied: true,
    settings: BROKER_SETTINGS,
  })
  await using redis = await startRedis({ directory: path.join(directory, 'redis') })
  const results: StageResult[] = []
  for (const stage of plan.stages) {
    try {
      const place = stageDirectory(directory, stage)
      const result = await runStage({ plan: stage, directory: place, kafka, redis, timeline })
      const { differences } = result.verdict
      if (differences.length > 0) {
        throw new Error(`${differences.length} differences:\n${shown(differences)}`)
      }
      results.push(result)
      timeline.tell(resultText(result))
    } catch (error) {
      timeline.tell(
        `failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      )
      throw error
    }
  }
  return results
}

function shown(differences: readonly string[]): string {
  const more = differences.length - DIFFERENCES_TOLD
  const lines = differences.slice(0, DIFFERENCES_TOLD)
  return [...lines, ...(more > 0 ? [`... and ${more} more`] : [])].join('\n')
}

function resultText({ verdict, ghosts, processes, ...seen }: StageResult): string {
  const { records, rows, values, rejects } = verdict
  return (
    `all sinks are what the log says: ${records} records amid ${ghosts} aborted ones, ${rows} rows, ${values} values, ${rejects} rejects; ` +
    `${processes} processes; ${seen.onlineReadings} readings of Redis and ${seen.tableReadings} of the table amid the storm`
  )
}
