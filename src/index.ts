/** The public surface: a pipeline from its file, a run over adapters, and the ports that adapters implement. */
export type { Pipeline } from './core/definition.ts'
export { loadPipeline } from './definition/load.ts'
export type { RunOptions, RunParts, RunProgress, RunSummary } from './engine/parts.ts'
export type {
  Clock,
  Decoder,
  FeatureTable,
  GenerationStore,
  Log,
  OnlineStore,
  OnlineValue,
  PartitionReader,
  PartitionState,
  RecordSource,
  TableStore,
} from './engine/ports.ts'
export type { RejectSink } from './engine/reject-port.ts'
export { runPipeline } from './engine/run-pipeline.ts'
export { TidemarkError } from './errors.ts'
export type { ErrorCode } from './errors.ts'
