/** The members of a consumer group and what each holds, in words. */
import type { GroupDescription } from '../kafka/group-description.ts'
import { plural } from './words.ts'

export function groupWords({ group, state, members }: GroupDescription): string {
  if (members.length === 0) return `${group}: no member now`
  const each = members.map(({ name, host, partitions }) => {
    const held = [...partitions].sort((a, b) => a - b).join(', ')
    return `${name ?? `another program on ${host}`} holds ${held === '' ? 'no partition' : held}`
  })
  const unrest = state === 'Stable' ? '' : `, ${state ?? 'unknown'}`
  return `${group}: ${plural(members.length, 'member')}${unrest}: ${each.join('; ')}`
}
