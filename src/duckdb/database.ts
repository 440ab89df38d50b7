/**
 * One embedded DuckDB per process, bounded in memory, threads and concurrent statements. The only folder that imports
 * DuckDB: Parquet goes through it in both directions, and so do the queries that check what was written.
 *
 * It never reaches for the network: extensions that are not built in are not fetched.
 */
import { mkdir } from 'node:fs/promises'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { toCell, type Cell } from './cell.ts'
import { RowSources } from './row-sources.ts'

export interface DuckDbLimits {
  /** DuckDB spills to `temporaryDirectory` beyond it. The process takes some 150 MB more. */
  readonly memoryMb: number
  readonly threads: number
  /** Statements that run at the same time; the others wait in order. */
  readonly concurrentMax: number
  /** Where sorts and joins spill to. Made when it is missing. */
  readonly temporaryDirectory: string
}

export type Row = Readonly<Record<string, Cell>>

export class DuckDb implements AsyncDisposable {
  /** Row buffers that a running COPY reads by their id. */
  readonly sources: RowSources
  readonly #instance: DuckDBInstance
  readonly #idle: DuckDBConnection[]
  readonly #all: readonly DuckDBConnection[]
  readonly #waiting: ((connection: DuckDBConnection) => void)[] = []

  private constructor(instance: DuckDBInstance, connections: readonly DuckDBConnection[]) {
    this.#instance = instance
    this.#all = connections
    this.#idle = [...connections]
    this.sources = new RowSources()
  }

  static async open(limits: DuckDbLimits): Promise<DuckDb> {
    await mkdir(limits.temporaryDirectory, { recursive: true })
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: `${limits.memoryMb}MB`,
      threads: String(limits.threads),
      temp_directory: limits.temporaryDirectory,
      preserve_insertion_order: 'true',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    })
    const connections: DuckDBConnection[] = []
    for (let i = 0; i < limits.concurrentMax; i++) connections.push(await instance.connect())
    const database = new DuckDb(instance, connections)
    connections[0]?.registerTableFunction(database.sources.tableFunction())
    for (const connection of connections) await connection.run(`SET TimeZone = 'UTC'`)
    return database
  }

  async run(sql: string): Promise<void> {
    await this.#use((connection) => connection.run(sql))
  }

  /** All rows at once, as the engine holds values; for results that fit in memory. */
  async rows(sql: string): Promise<Row[]> {
    const rows: Row[] = []
    for await (const batch of this.batches(sql)) rows.push(...batch)
    return rows
  }

  /** The rows in batches of at most 2048. The statement ends when the iteration does. */
  async *batches(sql: string): AsyncGenerator<Row[]> {
    const connection = await this.#acquire()
    try {
      const result = await connection.stream(sql)
      const names = result.deduplicatedColumnNames()
      for (;;) {
        const chunk = await result.fetchChunk()
        if (!chunk || chunk.rowCount === 0) return
        yield chunk
          .getRows()
          .map((row) => Object.fromEntries(names.map((name, i) => [name, toCell(row[i] ?? null)])))
      }
    } finally {
      this.#release(connection)
    }
  }

  /**
   * Lets running statements end first: one that still reads rows from the JavaScript thread would wait for it, while
   * closing the connection holds it.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map(() => this.#acquire()))
    for (const connection of this.#all) connection.closeSync()
    this.#instance.closeSync()
  }

  async #use<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const connection = await this.#acquire()
    try {
      return await work(connection)
    } finally {
      this.#release(connection)
    }
  }

  #acquire(): Promise<DuckDBConnection> {
    const connection = this.#idle.pop()
    if (connection) return Promise.resolve(connection)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #release(connection: DuckDBConnection): void {
    const next = this.#waiting.shift()
    if (next) next(connection)
    else this.#idle.push(connection)
  }
}
