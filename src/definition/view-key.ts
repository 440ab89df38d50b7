/**
 * The keys under `views`: `user_activity`, or `user_activity@2`, so that versions of one view can stand beside each other in a
 * file while the newer one is filled, compared and taken into use.
 */
import type { ViewDefinition } from '../core/definition.ts'
import type { Report } from './report.ts'
import type { ViewFile } from './schema.ts'

export type Versioned = Pick<ViewDefinition, 'name' | 'version'>

/** @param key one that the schema let pass */
export function resolveVersion(
  key: string,
  file: Pick<ViewFile, 'version'>,
  report: Report,
): Versioned {
  const [name = '', typed] = key.split('@')
  const version = typed === undefined ? (file.version ?? 1) : Number(typed)
  if (file.version !== undefined && file.version !== version) {
    report.add(
      ['views', key, 'version'],
      `expected ${version}, as the name of the view says, found ${file.version}; leave it out`,
    )
  }
  return { name, version }
}

/** Each version once, however it is written. */
export function checkVersions(
  views: readonly (readonly [key: string, view: Versioned])[],
  report: Report,
): void {
  views.forEach(([key, { name, version }], index) => {
    const earlier = views
      .slice(0, index)
      .find(([, other]) => other.name === name && other.version === version)
    if (earlier === undefined) return
    const message = `expected each version of a view once, found version ${version} of \`${name}\` again: \`${earlier[0]}\` is it too`
    report.add(['views', key], message, 'key')
  })
}

/** How a view is called in a file with all of these: by its name, with the version where there are several. */
export function viewKey({ name, version }: Versioned, all: readonly Versioned[]): string {
  const isOnly = all.every((other) => other.name !== name || other.version === version)
  return isOnly ? name : `${name}@${version}`
}
