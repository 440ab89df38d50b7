/**
 * What a broker needs, made once and kept in the cache: the jars (Maven), a formatted data directory to copy, and an
 * archive of loaded classes. With the last two a broker starts in a second instead of four.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { cacheDirectory, once } from './cache.ts'
import { run } from './command.ts'
import { propertiesText, USERS } from './kafka-settings.ts'
import type { NodePlan } from './kafka-settings.ts'
import { freePorts } from './ports.ts'
import { ServerProcess } from './server-process.ts'

const KAFKA_VERSION = '4.3.1'
const POM = path.join(import.meta.dirname, 'kafka.pom.xml')
const COPY_DEPENDENCIES = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'
const UUID_BYTES = 16

export interface KafkaJars {
  readonly jars: string
  readonly template: string
  readonly archive: string
}

/** @returns the cached parts, made where they are missing: some ten seconds, once */
export async function kafkaJars(): Promise<KafkaJars> {
  const home = path.join(cacheDirectory(), `kafka-${KAFKA_VERSION}`)
  const jars = await once(path.join(home, 'jars'), async (staging) => {
    const where = ['-DincludeScope=runtime', `-DoutputDirectory=${staging}`]
    await run('mvn', '-q', '-B', '-f', POM, COPY_DEPENDENCIES, ...where)
  })
  const template = await once(path.join(home, 'template'), (staging) => format(jars, staging))
  const archive = await once(path.join(home, 'classes.jsa'), (staging) =>
    archiveClasses(jars, template, staging),
  )
  return { jars, template, archive }
}

export function kafkaUuid(): string {
  return randomBytes(UUID_BYTES).toString('base64url')
}

/** Arguments of `java` for a class of the jars. */
export async function javaArgs(
  jars: string,
  classes: string,
  ...args: readonly string[]
): Promise<readonly string[]> {
  // In a fixed order: the archive holds only for the class path that it was made with.
  const names = (await readdir(jars)).filter((name) => name.endsWith('.jar')).sort()
  const classPath = names.map((name) => path.join(jars, name)).join(path.delimiter)
  return [
    ...['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xlog:disable', classes],
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-Dorg.slf4j.simpleLogger.showDateTime=true',
    '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
    ...['-cp', classPath],
    ...args,
  ]
}

/** A data directory as Kafka's own tool formats it, with the users in it. */
async function format(jars: string, staging: string): Promise<void> {
  const work = `${staging}.work`
  const properties = await writeProperties(work)
  const users = USERS.flatMap((user) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${user},password=${user}-secret]`,
    ]),
  )
  const tool = ['kafka.tools.StorageTool', 'format', '-t', kafkaUuid(), '-c', properties, ...users]
  await run('java', ...(await javaArgs(jars, '-Xshare:auto', ...tool)))
  await cp(path.join(work, 'data'), staging, { recursive: true })
  await rm(work, { recursive: true })
}

async function archiveClasses(jars: string, template: string, staging: string): Promise<void> {
  const work = `${staging}.work`
  const properties = await writeProperties(work)
  await copyTemplate(template, { directory: work, id: 1, clusterId: kafkaUuid() })
  const archiving = `-XX:ArchiveClassesAtExit=${staging}`
  const broker = new ServerProcess({
    name: 'Kafka (archiving its classes)',
    command: 'java',
    args: await javaArgs(jars, archiving, 'kafka.Kafka', properties),
    log: path.join(work, 'log'),
    ready: (log) => log.includes('Kafka Server started'),
  })
  await broker.start()
  await broker.stop()
  await rm(work, { recursive: true })
}

async function writeProperties(directory: string): Promise<string> {
  const [plaintext = 0, controller = 0] = await freePorts(2)
  const unused = { sasl: 0, mutual: 0, proxied: { listens: 0, announced: 0 } }
  const node: NodePlan = { id: 1, directory, plaintext, controller, ...unused }
  const plan = { nodes: [node], certificates: undefined, isProxied: false, settings: {} }
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  const file = path.join(directory, 'server.properties')
  await writeFile(file, propertiesText(plan, node))
  return file
}

/** A formatted data directory for a node: the one that is there, or the template's with ids of its own. */
export async function copyTemplate(
  template: string,
  node: { readonly directory: string; readonly id: number; readonly clusterId: string },
): Promise<void> {
  const data = path.join(node.directory, 'data')
  if (existsSync(path.join(data, 'meta.properties'))) return
  await cp(template, data, { recursive: true })
  const file = path.join(data, 'meta.properties')
  const text = (await readFile(file, 'utf8'))
    .replace(/^node\.id=.*$/m, `node.id=${node.id}`)
    .replace(/^cluster\.id=.*$/m, `cluster.id=${node.clusterId}`)
    .replace(/^directory\.id=.*$/m, `directory.id=${kafkaUuid()}`)
  await writeFile(file, text)
}
