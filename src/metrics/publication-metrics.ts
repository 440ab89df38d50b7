/** Metrics of replays that are published, or taken back, and have not come to their end. */
import { ofRun, ofRunBy, secondsSince } from './metric.ts'
import type { Metric } from './metric.ts'

const KINDS = ['publish', 'rollback'] as const

export const PUBLICATION_METRICS: readonly Metric[] = [
  ofRunBy(['did'], {
    name: 'tidemark_unfinished_publications',
    type: 'gauge',
    unit: 'publications',
    help: 'Publishes and rollbacks that have begun and not ended; every later one, and vacuum, waits for them. Of the process that holds partition 0; looked at once a minute.',
    *of({ publications }) {
      if (publications === undefined) return
      for (const did of KINDS) {
        const { length } = publications.unfinished.filter((each) => each.did === did)
        yield { labels: { did }, value: length }
      }
    },
  }),
  ofRun({
    name: 'tidemark_unfinished_publication_age_seconds',
    type: 'gauge',
    unit: 's',
    help: 'How long ago the oldest of them was begun; 0 while there is none.',
    of({ publications, wallMs }) {
      if (publications === undefined) return undefined
      const begun = publications.unfinished.map(({ sinceMs = wallMs }) => sinceMs)
      return secondsSince(Math.min(wallMs, ...begun), wallMs)
    },
  }),
  ofRunBy(['table'], {
    name: 'tidemark_publication_left_days',
    type: 'gauge',
    unit: 'days',
    help: 'Days of a table that a publish or rollback has left as they were, since files were gone, and that no replay has counted again. Of the process that holds partition 0.',
    *of({ publications }) {
      const days = new Map<string, number>()
      for (const { table, first, last } of publications?.left ?? [])
        days.set(table, (days.get(table) ?? 0) + last - first + 1)
      for (const [table, value] of days) yield { labels: { table }, value }
    },
  }),
]
