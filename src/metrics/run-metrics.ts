/** Metrics of the process as a member of its group, and what it is. */
import process from 'node:process'
import type { RunProgress } from '../engine/parts.ts'
import { ofRun, ofRunBy, oneOf } from './metric.ts'
import type { Metric } from './metric.ts'

const LEASES: readonly RunProgress['lease'][] = ['alone', 'joining', 'held']

export const RUN_METRICS: readonly Metric[] = [
  ofRunBy(['version', 'node'], {
    name: 'tidemark_build_info',
    type: 'gauge',
    unit: '-',
    help: '1, with the versions of Tidemark and of Node.js.',
    *of({ version }) {
      yield { labels: { version, node: process.version }, value: 1 }
    },
  }),
  ofRunBy(['topic', 'zone'], {
    name: 'tidemark_pipeline_info',
    type: 'gauge',
    unit: '-',
    help: '1, with the topic or directory that is read and the time zone of the days.',
    *of({ topic, pipeline }) {
      yield { labels: { topic, zone: pipeline.time.zone }, value: 1 }
    },
  }),
  ofRunBy(['state'], {
    name: 'tidemark_lease',
    type: 'gauge',
    unit: '0 or 1',
    help: '1 for what holds: alone (there is no group), joining (nothing is assigned yet, or the lease was lost), held.',
    *of({ progress }) {
      for (const [state, value] of oneOf(LEASES, progress?.lease ?? 'joining'))
        yield { labels: { state }, value }
    },
  }),
  ofRun({
    name: 'tidemark_generation',
    type: 'gauge',
    unit: '-',
    help: 'Generation that this process writes; a publish or a rollback of a replay makes the next one.',
    of: ({ progress }) => progress?.generation ?? 0,
  }),
  ofRun({
    name: 'tidemark_assigned_partitions',
    type: 'gauge',
    unit: 'partitions',
    help: 'Partitions that this process holds, those still being opened included.',
    of: ({ progress }) => progress?.assigned ?? 0,
  }),
  ofRun({
    name: 'tidemark_open_partitions',
    type: 'gauge',
    unit: 'partitions',
    help: 'Partitions whose state is open here.',
    of: ({ progress }) => progress?.partitions.length ?? 0,
  }),
  ofRun({
    name: 'tidemark_reject_limit_ratio',
    type: 'gauge',
    unit: 'ratio',
    help: 'Share of the last 10,000 records of a partition whose excess stops the run (rejects.limit).',
    of: ({ pipeline }) => pipeline.rejects.limit,
  }),
]
