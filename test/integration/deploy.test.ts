/** What is shipped for running Tidemark: each file is accepted by the program that reads it. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { run } from '../../servers/command.ts'
import { promtool } from '../../servers/prometheus.ts'

const ROOT = path.dirname(path.dirname(import.meta.dirname))

interface Service {
  readonly image: string
  readonly build?: { readonly dockerfile: string }
  readonly command?: readonly string[]
  readonly volumes?: readonly string[]
  readonly healthcheck?: unknown
}

function at(...parts: readonly string[]): string {
  return path.join(ROOT, ...parts)
}

function text(file: string): string {
  return readFileSync(at(file), 'utf8')
}

function found(pattern: RegExp, file: string): string {
  const value = pattern.exec(text(file))?.[1]
  if (value === undefined) throw new Error(`${file} has nothing like ${String(pattern)}`)
  return value
}

function services(): Readonly<Record<string, Service>> {
  return (parse(text('docker-compose.yml')) as { services: Record<string, Service> }).services
}

test('docker-compose.yml is accepted by docker-compose', async () => {
  await run('docker-compose', '-f', at('docker-compose.yml'), 'config', '--quiet')
})

test('every service says when it is healthy, itself or by its image', () => {
  const silent = Object.entries(services()).filter(
    ([, { healthcheck, build }]) => healthcheck === undefined && build === undefined,
  )
  expect(silent).toEqual([])
  expect(text('deploy/Dockerfile')).toContain('HEALTHCHECK')
})

test('the composition runs the versions that the tests run', () => {
  const kafka = found(/kafka_2\.13<\/artifactId>\s*<version>([^<]+)/, 'servers/kafka.pom.xml')
  const registry = found(/APICURIO_VERSION = '([^']+)'/, 'servers/registry.ts')
  const images = Object.values(services()).map(({ image }) => image)
  expect(images).toContain(`apache/kafka:${kafka}`)
  expect(images).toContain(`apicurio/apicurio-registry-mem:${registry}`)
  expect(images.filter((image) => !/:[\w.-]+$/.test(image) || image.endsWith(':latest'))).toEqual(
    [],
  )
})

test('every file that the composition puts into a container is there', () => {
  const mounted = Object.values(services())
    .flatMap(({ volumes = [] }) => volumes)
    .map((volume) => volume.split(':')[0] ?? '')
    .filter((place) => place.startsWith('.'))
  expect(mounted.length).toBeGreaterThan(0)
  expect(mounted.filter((place) => !existsSync(at(place)))).toEqual([])
})

test('hadolint has nothing to say about deploy/Dockerfile', async () => {
  expect(await run(at('.cache', 'venv', 'bin', 'hadolint'), at('deploy', 'Dockerfile'))).toBe('')
})

test('the configuration of Prometheus is accepted by promtool', async () => {
  const told = await promtool('check', 'config', at('deploy', 'prometheus', 'prometheus.yml'))
  expect(told).toContain('SUCCESS')
})
