/** What the doctor says of the servers of an online store in Redis. Nothing is written there. */
import type { RedisDefinition } from '../core/definition.ts'
import type { Clock } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { judgeRedis, leastRights, redisFacts } from '../redis/facts.ts'
import type { RedisServerFacts } from '../redis/facts.ts'
import { missingRights } from '../redis/rights.ts'
import type { MissingRights } from '../redis/rights.ts'
import type { Finding } from './finding.ts'
import { bytesWords, plural } from './words.ts'

const CHECK = 'redis'

export async function checkRedis(
  definition: RedisDefinition,
  { pipeline, clock }: { readonly pipeline: string; readonly clock: Clock },
): Promise<Finding[]> {
  const rights = `the least rights: ${leastRights(definition, pipeline)}`
  try {
    const facts = await redisFacts(definition, { pipeline, wallMs: () => clock.wallMs() })
    const missing = await missingRights(definition, { pipeline })
    return [
      ...describeTopology(definition, facts),
      ...facts.flatMap(serverFindings),
      ...rightsFindings(facts, missing, rights),
    ]
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    const isAboutRights = /NOPERM|NOAUTH|WRONGPASS/.test(error.message)
    return [
      {
        check: CHECK,
        verdict: 'problem',
        detail: error.message,
        ...(isAboutRights && { advice: rights }),
      },
    ]
  }
}

function describeTopology(
  { servers }: RedisDefinition,
  facts: readonly RedisServerFacts[],
): Finding[] {
  if (servers.kind === 'standalone') return []
  const detail =
    servers.kind === 'cluster'
      ? `a Cluster of ${plural(facts.length, 'master')}`
      : `the master ${servers.master}, named by ${plural(servers.sentinels.length, 'sentinel')}`
  return [{ check: CHECK, verdict: 'ok', detail }]
}

function serverFindings(facts: RedisServerFacts): Finding[] {
  const { server, version, usedBytes, maxBytes, memoryPolicy, replicas } = facts
  const memory = `${bytesWords(usedBytes)} of ${maxBytes === 0 ? 'no limit' : bytesWords(maxBytes)} used, ${memoryPolicy}`
  const kept = facts.hasAppendOnlyFile ? 'append-only file' : 'no append-only file'
  const detail = `${server}: Redis ${version}, ${memory}, ${kept}, ${plural(replicas, 'replica')}`
  const wrong = judgeRedis(facts).filter(({ verdict }) => verdict !== 'ok')
  return [
    { check: CHECK, verdict: 'ok', detail },
    ...wrong.map((finding) => ({
      ...finding,
      check: CHECK,
      detail: `${server}: ${finding.detail}`,
    })),
  ]
}

function rightsFindings(
  facts: readonly RedisServerFacts[],
  missing: readonly MissingRights[],
  rights: string,
): Finding[] {
  const check = 'redis rights'
  if (missing.length === 0) {
    const user = facts[0]?.user ?? 'its name may not be asked'
    return [
      { check, verdict: 'ok', detail: `the user (${user}) may do what a run does`, advice: rights },
    ]
  }
  return missing.map(({ server, commands, answer }) => ({
    check,
    verdict: 'problem',
    detail: `${server}: the user may not ${commands.join(', ')} ("${answer}")`,
    advice: rights,
  }))
}
