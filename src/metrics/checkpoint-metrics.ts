/** Metrics of what is kept beyond the machine. Absent where the pipeline keeps no checkpoints. */
import type { CheckpointProgress, PartitionProgress } from '../engine/parts.ts'
import { ofPartition, secondsOf } from './metric.ts'
import type { About, Metric, SampleValue } from './metric.ts'

export const CHECKPOINT_METRICS: readonly Metric[] = [
  ofCheckpoint({
    name: 'tidemark_checkpoint_timestamp_seconds',
    type: 'gauge',
    unit: 'Unix time, s',
    help: 'When this process last stored a checkpoint of the partition.',
    of: ({ createdMs }) => secondsOf(createdMs),
  }),
  ofCheckpoint({
    name: 'tidemark_checkpoint_offset',
    type: 'gauge',
    unit: 'offset',
    help: 'First offset that is not in that checkpoint: from here on a new machine reads again.',
    of: ({ offset }) => offset,
  }),
  ofCheckpoint({
    name: 'tidemark_checkpoint_failing',
    type: 'gauge',
    unit: '0 or 1',
    help: '1 while the checkpoint store cannot be reached; it is tried again for ever.',
    of: ({ failing }) => Number(failing),
  }),
  ofCheckpoint({
    name: 'tidemark_checkpoints_total',
    type: 'counter',
    unit: 'checkpoints',
    help: 'Checkpoints stored by this process.',
    of: ({ count }) => count,
  }),
  ofCheckpoint({
    name: 'tidemark_checkpoint_added_bytes_total',
    type: 'counter',
    unit: 'bytes',
    help: 'Bytes that they added to the store: files that it held already are not stored again.',
    of: ({ bytes }) => bytes,
  }),
  ofPartition({
    name: 'tidemark_checkpoint_duration_seconds',
    type: 'histogram',
    unit: 's',
    help: 'How long storing a checkpoint took, beside the reading of the log.',
    of: ({ checkpoint, meters }) => checkpoint && meters.checkpointSeconds,
  }),
  ofPartition({
    name: 'tidemark_snapshot_duration_seconds',
    type: 'histogram',
    unit: 's',
    help: 'How long the reading of the log stood still for the snapshot of a checkpoint.',
    of: ({ checkpoint, meters }) => checkpoint && meters.snapshotSeconds,
  }),
]

function ofCheckpoint(
  about: About & { readonly of: (checkpoint: CheckpointProgress) => SampleValue | undefined },
): Metric {
  return ofPartition({
    ...about,
    of: ({ checkpoint }: PartitionProgress) => checkpoint && about.of(checkpoint),
  })
}
