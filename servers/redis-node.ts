/** One Redis process of a test: a data server or a sentinel; its command line, and its dump file taken and put back. */
import { copyFile, mkdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import type { Certificates } from './certificates.ts'
import { run } from './command.ts'
import { isOpen } from './ports.ts'
import { ServerProcess } from './server-process.ts'

export interface RedisAccess {
  readonly directory: string
  readonly tls: Certificates | undefined
  readonly hasUsers: boolean
}

interface Place {
  readonly access: RedisAccess
  readonly name: string
  readonly port: number
  readonly file: string
  readonly data: string
}

export class RedisNode extends ServerProcess {
  readonly name: string
  readonly port: number
  readonly #access: RedisAccess
  readonly #data: string

  constructor({ access, name, port, file, data }: Place) {
    super({
      name: `Redis ${name}`,
      command: 'redis-server',
      args: [file, ...(name.startsWith('sentinel') ? ['--sentinel'] : [])],
      log: path.join(access.directory, `${name}.log`),
      // One that loads a dump listens already, and refuses what it is asked: its log says when it serves.
      ready: async (log) => /Ready to accept connections|\+monitor/.test(log) && isOpen(port),
    })
    this.name = name
    this.port = port
    this.#access = access
    this.#data = data
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  get url(): string {
    const { tls, hasUsers } = this.#access
    const user = hasUsers && !this.#isSentinel ? 'admin:admin-secret@' : ''
    // By name, so that a test sees whether the certificate's name is looked at.
    return tls === undefined
      ? `redis://${user}${this.address}`
      : `rediss://${user}localhost:${this.port}`
  }

  /** `redis-cli` on this server, as admin. */
  async cli(...args: readonly string[]): Promise<string> {
    const { tls, hasUsers } = this.#access
    const user = ['--user', 'admin', '--pass', 'admin-secret', '--no-auth-warning']
    const output = await run(
      'redis-cli',
      ...['-h', '127.0.0.1', '-p', String(this.port)],
      ...(tls === undefined ? [] : ['--tls', '--cacert', tls.ca]),
      ...(hasUsers && !this.#isSentinel ? user : []),
      ...args,
    )
    return output.trimEnd()
  }

  /** Writes what it holds now to `file`, an absolute path. The server itself keeps nothing of it over a restart. */
  async dumpTo(file: string): Promise<void> {
    await this.cli('save')
    await mkdir(path.dirname(file), { recursive: true })
    await rename(path.join(this.#data, 'dump.rdb'), file)
  }

  /** Crashes it and starts it with what `file` holds. The next crash loses that again. */
  async restartFrom(file: string): Promise<void> {
    await this.kill()
    const dump = path.join(this.#data, 'dump.rdb')
    await copyFile(file, dump)
    await this.start()
    await rm(dump, { force: true })
  }

  /** Crashes it and starts it with nothing, also where the settings keep data. */
  async restartEmpty(): Promise<void> {
    await this.kill()
    await rm(path.join(this.#data, 'dump.rdb'), { force: true })
    await rm(path.join(this.#data, 'appendonlydir'), { recursive: true, force: true })
    await this.start()
  }

  get #isSentinel(): boolean {
    return this.name.startsWith('sentinel')
  }
}
