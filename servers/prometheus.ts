/**
 * A real Prometheus for tests and for `npm run stack`: started on a copy of a configuration whose targets are in a file
 * (`file_sd_configs`), so that the configuration that is shipped is the one that runs.
 */
import { cp, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { run } from './command.ts'
import { freePort } from './ports.ts'
import { answersOk } from './http-ready.ts'
import { ServerProcess } from './server-process.ts'
import type { ServerNode } from './server-process.ts'

export interface PrometheusOptions {
  /** Data, logs and the copy of the configuration. */
  readonly directory: string
  /** With `prometheus.yml`, the rules that it names, and `targets.json`, which is written anew. */
  readonly configuration: string
  /** `host:port` of each tidemark. */
  readonly targets: readonly string[]
  readonly port?: number
}

export interface PrometheusServer extends AsyncDisposable {
  readonly url: string
  readonly node: ServerNode
  /** Values of an instant query, by the labels that differ. */
  query(expression: string): Promise<readonly QueryResult[]>
  stop(): Promise<void>
}

export interface QueryResult {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

/** Targets are asked some five seconds after the start: an empty answer before that means nothing. */
export async function startPrometheus(options: PrometheusOptions): Promise<PrometheusServer> {
  const directory = path.resolve(options.directory)
  const copy = path.join(directory, 'configuration')
  await mkdir(copy, { recursive: true })
  await cp(options.configuration, copy, { recursive: true })
  await writeFile(path.join(copy, 'targets.json'), JSON.stringify([{ targets: options.targets }]))
  const port = options.port ?? (await freePort())
  const url = `http://127.0.0.1:${port}`
  const node = new ServerProcess({
    name: 'Prometheus',
    command: 'prometheus',
    args: [
      `--config.file=${path.join(copy, 'prometheus.yml')}`,
      `--storage.tsdb.path=${path.join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    log: path.join(directory, 'log'),
    ready: () => answersOk(`${url}/-/ready`),
  })
  await node.start()
  const stop = (): Promise<void> => node.stop()
  const query = (expression: string): Promise<readonly QueryResult[]> => ask(url, expression)
  return { url, node, query, stop, [Symbol.asyncDispose]: stop }
}

/** Runs `promtool` and gives its output. */
export async function promtool(...args: readonly string[]): Promise<string> {
  return run('promtool', ...args)
}

async function ask(url: string, expression: string): Promise<readonly QueryResult[]> {
  const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`)
  const body = (await answer.json()) as {
    readonly error?: string
    readonly data?: {
      readonly result: readonly {
        readonly metric: Record<string, string>
        readonly value: readonly [number, string]
      }[]
    }
  }
  if (body.data === undefined) throw new Error(`${expression}: ${body.error ?? answer.statusText}`)
  return body.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
}
