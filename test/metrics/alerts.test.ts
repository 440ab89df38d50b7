/** The alerts, the metrics and the operator's page know each other. (What fires when: test/integration/metrics.test.ts.) */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import { expect, test } from 'vitest'
import { METRICS } from '../../src/metrics/catalogue.ts'

const ROOT = path.join(import.meta.dirname, '..', '..')

function read(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8')
}

interface Rule {
  readonly alert?: string
  readonly record?: string
  readonly expr: string
  readonly annotations?: { readonly runbook: string; readonly summary: string }
}

const { groups } = parse(read('deploy/prometheus/alerts.yml')) as {
  readonly groups: readonly { readonly rules: readonly Rule[] }[]
}
const rules = groups.flatMap((group) => group.rules)
const alerts = rules.filter(({ alert }) => alert !== undefined)
const operate = read('docs/operate.md')

/** Names of metrics in text: with the suffixes of histograms, without. */
function metricsIn(text: string): string[] {
  const names = [...text.matchAll(/(?<![\w:])tidemark_\w+/g)].map(([name]) => name)
  return names.map((name) => name.replace(/_(bucket|count|sum)$/, ''))
}

const KNOWN = new Set(METRICS.map(({ name }) => name))

test("every alert names the section of the operator's page that is called like it", () => {
  const sections = [...operate.matchAll(/^### (Tidemark\w+)$/gm)].map(([, title]) => title)
  expect(alerts.map(({ alert }) => alert)).toEqual(sections)
  for (const { alert = '', annotations } of alerts)
    expect(annotations?.runbook).toBe(`docs/operate.md#${alert.toLowerCase()}`)
})

test('every alert is tested, firing and quiet', () => {
  const tests = parse(read('deploy/prometheus/alerts.test.yml')) as {
    readonly tests: readonly {
      readonly input_series: readonly unknown[]
      readonly alert_rule_test: readonly {
        readonly alertname: string
        readonly exp_alerts: readonly unknown[]
      }[]
    }[]
  }
  const quiet = new Set<string>()
  const firing = new Set<string>()
  for (const { alert_rule_test: cases } of tests.tests) {
    for (const { alertname, exp_alerts: expected } of cases)
      (expected.length > 0 ? firing : quiet).add(alertname)
  }
  const names = alerts.map(({ alert }) => alert)
  expect([...firing].sort()).toEqual([...names].sort())
  expect([...quiet].sort()).toEqual([...names].sort())
})

test("every metric of an alert, and of the operator's page, exists", () => {
  const text = [operate, ...rules.map(({ expr }) => expr)].join('\n')
  expect(metricsIn(text).filter((name) => !KNOWN.has(name))).toEqual([])
  expect(metricsIn(text).length).toBeGreaterThan(30)
})
