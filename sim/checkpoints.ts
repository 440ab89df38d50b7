/** The checkpoint store as an outsider sees it: what damages it, and whether all that a checkpoint names is there, whoever pruned when. */
import { createHash } from 'node:crypto'
import type { Chance } from './chance.ts'
import type { World } from './world.ts'

interface Manifest {
  readonly files: readonly {
    readonly name: string
    readonly digest: string
    readonly object: string
  }[]
}

/** Flips a byte, or takes a file away. */
export function damageCheckpoint(
  { checkpoints, damaged, coverage, trace }: World,
  chance: Chance,
): void {
  const objects = [...checkpoints.contents.keys()].filter((path) => path.includes('/files/'))
  if (objects.length === 0) return
  const path = chance.pick(objects)
  const content = checkpoints.contents.get(path)
  if (content === undefined) return
  damaged.add(path)
  coverage.hit('fault checkpoint damaged')
  trace.note('bucket', `*** checkpoint damaged ${path}`)
  if (chance.happens(0.3)) {
    checkpoints.contents.delete(path)
    return
  }
  const bytes = Uint8Array.from(content.bytes)
  const at = chance.integer(0, bytes.length - 1)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  checkpoints.contents.set(path, { ...content, bytes })
}

/** Each whole checkpoint names files that are there, with the bytes that were written. */
export function checkpointProblems({ checkpoints, damaged }: World): string[] {
  const problems: string[] = []
  for (const [path, { bytes }] of checkpoints.contents) {
    if (!path.includes('/checkpoints/')) continue
    const manifest = JSON.parse(Buffer.from(bytes).toString('utf8')) as Manifest | null
    const folder = path.slice(0, path.indexOf('/checkpoints/'))
    for (const { name, digest, object } of manifest?.files ?? []) {
      const stored = `${folder}/files/${object}`
      if (damaged.has(stored)) continue
      const found = checkpoints.contents.get(stored)
      if (found === undefined) problems.push(`${path}: ${name} is missing (${object})`)
      else if (createHash('sha256').update(found.bytes).digest('hex') !== digest)
        problems.push(`${path}: ${name} has other bytes than its digest says`)
    }
  }
  return problems
}
