/** What a view version is called everywhere: `user_activity@1`. */
export function titleOf({
  name,
  version,
}: {
  readonly name: string
  readonly version: number
}): string {
  return `${name}@${version}`
}
