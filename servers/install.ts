/**
 * `npx tsx servers/install.ts`: makes sure that every program is there that the tests start, and fetches what they need
 * from Maven and build with Go, so that no test waits for a download. Installs with apt-get where it may; says which command would where
 * it may not. `npm test` runs it first; `npm run stack` too, with `--stack`, which leaves out what only tests need.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { kafkaJars } from './kafka-jars.ts'
import { registryHome } from './registry.ts'
import { buildS3 } from './s3.ts'

interface Program {
  readonly name: string
  readonly for: string
  readonly debian: string
  readonly brew: string
  readonly onlyTests?: true
}

const PROGRAMS: readonly Program[] = [
  { name: 'java', for: 'Kafka', debian: 'default-jre-headless', brew: 'openjdk' },
  { name: 'mvn', for: 'the jars of Kafka', debian: 'maven', brew: 'maven' },
  { name: 'openssl', for: 'test certificates', debian: 'openssl', brew: 'openssl' },
  { name: 'redis-server', for: 'Redis', debian: 'redis-server', brew: 'redis' },
  { name: 'redis-cli', for: 'Redis', debian: 'redis-tools', brew: 'redis' },
  { name: 'prometheus', for: 'the scrape test', debian: 'prometheus', brew: 'prometheus' },
  { name: 'promtool', for: 'the alert tests', debian: 'prometheus', brew: 'prometheus' },
  {
    name: 'docker-compose',
    for: 'checking docker-compose.yml',
    debian: 'docker-compose',
    brew: 'docker-compose',
    onlyTests: true,
  },
]

const JAVA_OLDEST = 17
const WAIT_FOR_APT = ['-o', 'DPkg::Lock::Timeout=300']

function isThere({ name }: Program): boolean {
  return (process.env['PATH'] ?? '').split(path.delimiter).some((directory) => {
    try {
      accessSync(path.join(directory, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** How apt-get is run here with the rights to install; undefined where it cannot be. */
function aptGet(): readonly string[] | undefined {
  if (spawnSync('apt-get', ['--version']).status !== 0) return undefined
  const settings = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...WAIT_FOR_APT]
  if (process.getuid?.() === 0) return settings
  const mayBecomeRoot = spawnSync('sudo', ['-n', 'true']).status === 0
  return mayBecomeRoot ? ['sudo', '-n', ...settings] : undefined
}

function install(missing: readonly Program[]): void {
  const apt = aptGet()
  if (apt === undefined) return
  const packages = [...new Set(missing.map((program) => program.debian))]
  const [command = '', ...args] = apt
  const does = (...rest: readonly string[]): boolean =>
    spawnSync(command, [...args, ...rest], { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
  const installs = ['install', '-y', '-qq', '--no-install-recommends', ...packages]
  process.stdout.write(`servers: apt-get install ${packages.join(' ')}\n`)
  // Package lists that are old or not there are the usual reason why it fails at first.
  if (!does(...installs) && does('update', '-qq')) does(...installs)
}

function complaint(missing: readonly Program[]): string {
  const packages = (of: (program: Program) => string): string =>
    [...new Set(missing.map(of))].join(' ')
  return [
    `Missing: ${missing.map((program) => `${program.name} (for ${program.for})`).join(', ')}. Install with one of`,
    `  sudo apt-get install --no-install-recommends ${packages(({ debian }) => debian)}`,
    `  brew install ${packages(({ brew }) => brew)}`,
  ].join('\n')
}

function javaComplaint(): string | undefined {
  // `java --version` says `openjdk 17.0.15 2025-04-15` first.
  const told = execFileSync('java', ['--version'], { encoding: 'utf8' })
  const version = Number(/\b(\d+)/.exec(told)?.[1])
  if (version >= JAVA_OLDEST) return undefined
  return `Kafka needs Java ${JAVA_OLDEST} or newer; \`java\` is ${told.split('\n')[0] ?? 'another'}. Install a newer one and put it first on the PATH.`
}

/** @returns what is still missing, in words for the person who has to install it */
function installPrograms(wanted: readonly Program[]): string | undefined {
  const missing = wanted.filter((program) => !isThere(program))
  if (missing.length > 0) install(missing)
  const still = wanted.filter((program) => !isThere(program))
  return still.length > 0 ? complaint(still) : javaComplaint()
}

/** Optional: without it the tests of S3 are skipped. */
async function installS3(): Promise<void> {
  const obstacle = await buildS3()
  if (obstacle !== undefined) {
    process.stdout.write(`servers: the tests of S3 will be skipped: ${obstacle}\n`)
  }
}

const isForStack = process.argv.includes('--stack')
const wrong = installPrograms(PROGRAMS.filter(({ onlyTests }) => onlyTests !== true || !isForStack))
if (wrong === undefined) {
  await kafkaJars()
  if (!isForStack) await Promise.all([registryHome(), installS3()])
} else {
  process.stderr.write(`${wrong}\n`)
  process.exitCode = 1
}
