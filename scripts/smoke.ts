import { mkdirSync, rmSync } from 'node:fs'
import { loadPipeline } from '../src/definition/load.ts'
import { createFileLog } from '../src/source/file-log.ts'
import { createDecoder } from '../src/format/decoder.ts'
import { LevelPartitionState } from '../src/leveldb/state.ts'
import { LevelOnlineStore } from '../src/leveldb/online-store.ts'
import { DeltaTableStore } from '../src/table/delta-table.ts'
import { LocalTableStorage } from '../src/table/local-storage.ts'
import { DuckDb } from '../src/duckdb/database.ts'
import { ParquetWriter } from '../src/duckdb/parquet-writer.ts'
const stateDirectory = (p: any, n: number) => p.state + '/partition-' + n
import { systemClock } from '../src/cli/system-clock.ts'
import { runPipeline } from '../src/engine/run-pipeline.ts'
import { position } from '../src/core/event.ts'
const file = process.argv[2]!
const fresh = process.argv[3] !== 'keep'
const pipeline = await loadPipeline(file)
if (fresh)
  for (const d of [
    pipeline.state,
    (pipeline.sinks.online as any)?.directory,
    pipeline.sinks.offline?.location,
  ])
    if (d) rmSync(d, { recursive: true, force: true })
const toClose: any[] = []
const opened = { add: (x: any) => (toClose.push(x), x) }
const log = { debug() {}, info: console.error, warn: console.error, error: console.error } as any
const clock = systemClock
const rejects: any[] = []
const tables =
  pipeline.sinks.offline &&
  new DeltaTableStore({
    storage: new LocalTableStorage(pipeline.sinks.offline.location),
    parquet: new ParquetWriter(
      opened.add(
        await DuckDb.open({
          memoryMb: 512,
          threads: 2,
          concurrentMax: 2,
          temporaryDirectory: pipeline.state + '/duckdb',
        }),
      ),
    ),
    clock,
    log,
  })
mkdirSync((pipeline.sinks.online as any).directory, { recursive: true })
const online = opened.add(
  await LevelOnlineStore.open((pipeline.sinks.online as any).directory, {
    nowMs: () => Date.now(),
  }),
)
const source = opened.add(createFileLog((pipeline.source.log as any).directory))
const c0 = process.cpuUsage()
const summary = await runPipeline(
  {
    pipeline,
    source,
    decoder: createDecoder(pipeline),
    openState: async (p) => {
      mkdirSync(stateDirectory(pipeline, p), { recursive: true })
      return LevelPartitionState.open(stateDirectory(pipeline, p))
    },
    online,
    tables,
    rejects: {
      write: async (r: any) => void rejects.push(...r),
      [Symbol.asyncDispose]: async () => {},
    } as any,
    clock,
    log,
    run: 'smoke' + Date.now(),
    zoneData: 'x',
  },
  { untilEnd: true, signal: new AbortController().signal, onProgress: () => {} },
)
const c = process.cpuUsage(c0)
console.log(JSON.stringify(summary, undefined, 1))
console.log(
  'rejects',
  rejects.length,
  'cpu s',
  (c.user + c.system) / 1e6,
  'rss',
  process.resourceUsage().maxRSS / 1024,
)
const view = pipeline.views[0]!
console.log(await online.read(`${view.name}:v${view.version}`, process.argv[4] ?? 'u0_1'))
console.log(await online.marker(0))
for (const x of toClose.reverse()) await x[Symbol.asyncDispose]()
