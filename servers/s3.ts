/**
 * A real S3-compatible store for tests: versitygw over a plain directory, so a bucket is a directory and an object a file in
 * it. Built by Go into the cache; where there is no Go, tests that need it are skipped and say why.
 *
 *     await using s3 = await startS3({ directory, buckets: ['features'] })
 *     await s3.node.kill()
 */
import { existsSync, mkdirSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { cacheDirectory, once } from './cache.ts'
import { run } from './command.ts'
import { freePort, isOpen } from './ports.ts'
import { ServerProcess } from './server-process.ts'
import type { ServerNode } from './server-process.ts'

const VERSION = '1.8.0'
const MODULE = `github.com/versity/versitygw/cmd/versitygw@v${VERSION}`
/** Older ones do not read its go.mod, or fetch a newer Go themselves. */
const GO_OLDEST = 25
const NOT_BUILT = 'the S3 server of the tests (versitygw) is not built'

export interface S3Options {
  /** Objects and the log; made where it is missing, left to the caller to delete. Its file system has user attributes. */
  readonly directory: string
  readonly buckets?: readonly string[]
  readonly port?: number
}

export interface S3Server extends AsyncDisposable {
  readonly endpoint: string
  readonly port: number
  readonly accessKey: string
  readonly secretKey: string
  /** Each directory in it is a bucket. */
  readonly root: string
  readonly node: ServerNode
  readonly makeBucket: (name: string) => void
  stop(): Promise<void>
}

export async function startS3(options: S3Options): Promise<S3Server> {
  const program = await s3Program()
  const directory = path.resolve(options.directory)
  const root = path.join(directory, 'buckets')
  const port = options.port ?? (await freePort())
  const keys = { accessKey: 'S3TESTKEY', secretKey: 's3-test-secret' }
  const makeBucket = (name: string): void => {
    mkdirSync(path.join(root, name), { recursive: true })
  }
  mkdirSync(root, { recursive: true })
  options.buckets?.forEach(makeBucket)
  const listening = ['--quiet', '--port', `127.0.0.1:${port}`]
  const node = new ServerProcess({
    name: 'the S3 server',
    command: program,
    args: [...listening, '--access', keys.accessKey, '--secret', keys.secretKey, 'posix', root],
    log: path.join(directory, 'log'),
    ready: () => isOpen(port),
  })
  await node.start()
  const stop = (): Promise<void> => node.stop()
  const endpoint = `http://127.0.0.1:${port}`
  return { endpoint, port, ...keys, root, node, makeBucket, stop, [Symbol.asyncDispose]: stop }
}

function programPath(): string {
  return path.join(cacheDirectory(), `versitygw-${VERSION}`)
}

/** Built where it is missing: a minute or two, once. */
async function s3Program(): Promise<string> {
  return once(programPath(), async (staging) => {
    const work = `${staging}.work`
    await run('env', `GOBIN=${work}`, 'go', 'install', MODULE)
    await rename(path.join(work, 'versitygw'), staging)
    await rm(work, { recursive: true })
  })
}

/** Why there is no S3 server on this machine; undefined where there is one. Tests skip with it. */
export async function s3Obstacle(): Promise<string | undefined> {
  if (existsSync(programPath())) return undefined
  return (await goProblem()) ?? `${NOT_BUILT}; \`npx tsx servers/install.ts\` does it`
}

/** Builds it where Go can. @returns why there is still none */
export async function buildS3(): Promise<string | undefined> {
  const problem = existsSync(programPath()) ? undefined : await goProblem()
  if (problem !== undefined) return problem
  try {
    await s3Program()
    return undefined
  } catch (error) {
    return `${NOT_BUILT}: ${error instanceof Error ? error.message : String(error)}`
  }
}

async function goProblem(): Promise<string | undefined> {
  const told = await run('go', 'env', 'GOVERSION').catch(() => '')
  const minor = Number(/^go1\.(\d+)/.exec(told.trim())?.[1] ?? 0)
  if (minor >= GO_OLDEST) return undefined
  const found = told.trim() === '' ? 'no Go' : told.trim()
  return `${NOT_BUILT}, for which Go 1.${GO_OLDEST} or newer is needed; found ${found}`
}
