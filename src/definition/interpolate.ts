/**
 * `${VAR}` and `${VAR:-default}` in the text of a scalar. `$${` stands for a literal `${`.
 *
 * As in a shell, the default also takes the place of an empty variable. Values may be secrets: whoever reports about a
 * text shows it as it was written.
 */

export type Environment = Readonly<Record<string, string | undefined>>

export interface Interpolated {
  readonly text: string
  /** Values that came from the environment, with their variable. */
  readonly values: readonly { readonly name: string; readonly value: string }[]
  readonly problems: readonly string[]
}

const REFERENCE = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?:(:-)([^}]*))?\}|\$\{[^}]*\}?/g

/** Undefined where the text refers to nothing. */
export function interpolate(text: string, environment: Environment): Interpolated | undefined {
  if (!text.includes('${')) return undefined
  const values: { name: string; value: string }[] = []
  const problems: string[] = []
  const replace = (
    found: string,
    name?: string,
    hasDefault?: string,
    fallback?: string,
  ): string => {
    if (found === '$${') return '${'
    if (name === undefined) {
      problems.push(`expected \${NAME} or \${NAME:-default}, found \`${found}\``)
      return ''
    }
    const value = environment[name]
    if (hasDefault !== undefined && (value === undefined || value === '')) return fallback ?? ''
    if (value === undefined) {
      problems.push(
        `the environment variable ${name} is not set; set it, or write \${${name}:-default}`,
      )
      return ''
    }
    values.push({ name, value })
    return value
  }
  return { text: text.replace(REFERENCE, replace), values, problems }
}
