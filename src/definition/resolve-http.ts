/** `http` of the file -> where metrics and health are served. */
import type { HttpDefinition } from '../core/definition.ts'
import type { Report } from './report.ts'
import { parseAddress } from './resolve-connection.ts'
import type { PipelineFile } from './schema.ts'

const READY_LAG_MAX = 100_000

export function resolveHttp(
  http: PipelineFile['http'],
  report: Report,
): HttpDefinition | undefined {
  if (http === undefined) return undefined
  const { listen, readyLag } =
    typeof http === 'string' ? { listen: http, readyLag: READY_LAG_MAX } : http
  const address = parseAddress(listen)
  if (address === undefined) {
    const at = typeof http === 'string' ? ['http'] : ['http', 'listen']
    report.add(
      at,
      `expected \`HOST:PORT\`, such as \`127.0.0.1:9464\`, found ${report.show(at, listen)}`,
    )
  }
  return { ...(address ?? { host: '', port: 0 }), readyLagMax: readyLag }
}
