/** The sinks as they would be read back if they held exactly what the oracle says. For tests of the comparison. */
import type { ActualReject, ActualSinks } from './compare-sinks.ts'
import { entityText, onlineText } from './compare-sinks.ts'
import type { OracleReject, OracleResult, OracleView } from './oracle.ts'

export function perfectSinks(oracle: OracleResult): ActualSinks {
  const byView = <Items>(read: (view: OracleView) => Items): Map<string, Items> =>
    new Map(oracle.views.map((one) => [one.view.name, read(one)]))
  return {
    rows: byView(({ rows }) => [...rows]),
    tiles: byView(({ tiles }) => [...tiles]),
    online: byView(({ view, columns, online }) =>
      online.map(({ entity, values, isAllEmpty, offset, eventTime, nextDay }) => {
        const present = columns.filter(({ name }) => (values.get(name) ?? null) !== null)
        const texts = present.map((column) => {
          return [column.name, onlineText(values.get(column.name) ?? null, column)] as const
        })
        const fields = new Map(isAllEmpty ? [] : texts)
        return {
          entity: entityText(oracle.pipeline, view.entity, entity),
          fields,
          offset,
          eventTime,
          nextDay,
        }
      }),
    ),
    rejects: oracle.rejects.map((reject) => actualReject(oracle, reject)),
  }
}

function actualReject(oracle: OracleResult, { late, ...rest }: OracleReject): ActualReject {
  if (late === undefined) return rest
  const entities = late.entities.map(({ view, entity }) => {
    const definition = oracle.pipeline.views.find(({ name }) => name === view)
    return { view, entity: entityText(oracle.pipeline, definition?.entity ?? [], entity) }
  })
  return { ...rest, late: { day: late.day, entities } }
}
