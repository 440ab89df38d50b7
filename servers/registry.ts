/** A real schema registry for tests: Apicurio, in memory, with the API that Confluent's clients speak. */
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { cacheDirectory, once } from './cache.ts'
import { run } from './command.ts'
import { answersOk } from './http-ready.ts'
import { freePort } from './ports.ts'
import { ServerProcess } from './server-process.ts'
import type { ServerNode } from './server-process.ts'

/** The last line that runs on Java 17. */
const APICURIO_VERSION = '2.6.13.Final'
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy'

export interface RegistryServer extends AsyncDisposable {
  /** Of the Confluent API; `/subjects` and the rest follow. */
  readonly url: string
  readonly node: ServerNode
  stop(): Promise<void>
}

export async function startRegistry(options: {
  readonly directory: string
  readonly port?: number
}): Promise<RegistryServer> {
  const home = await registryHome()
  const port = options.port ?? (await freePort())
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`
  const listening = [`-Dquarkus.http.host=127.0.0.1`, `-Dquarkus.http.port=${port}`]
  const jvm = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
  const jar = await runnerJar(home)
  const node = new ServerProcess({
    name: 'the schema registry',
    command: 'java',
    args: [...jvm, ...listening, '-Dquarkus.log.level=WARN', '-jar', jar],
    log: path.join(path.resolve(options.directory), 'log'),
    ready: () => answersOk(`${url}/subjects`),
  })
  await node.start()
  const stop = (): Promise<void> => node.stop()
  return { url, node, stop, [Symbol.asyncDispose]: stop }
}

/** Fetched where it is missing: 280 MB, once. */
export async function registryHome(): Promise<string> {
  const home = path.join(cacheDirectory(), `apicurio-${APICURIO_VERSION}`)
  return once(home, async (staging) => {
    const work = `${staging}.work`
    await mkdir(work, { recursive: true })
    const artifact = `io.apicurio:apicurio-registry-app:${APICURIO_VERSION}:tar.gz:all`
    await run('mvn', '-q', '-B', COPY, `-Dartifact=${artifact}`, `-DoutputDirectory=${work}`)
    const archive = `apicurio-registry-app-${APICURIO_VERSION}-all.tar.gz`
    await run('tar', '-xzf', path.join(work, archive), '-C', work)
    await rm(path.join(work, archive))
    await rename(work, staging)
  })
}

async function runnerJar(home: string): Promise<string> {
  const found = (await readdir(home)).find((name) =>
    /^apicurio-registry-app-.*-runner\.jar$/.test(name),
  )
  return path.join(home, found ?? 'quarkus-run.jar')
}
