/** Versions of a view beside each other in one file: how they are written, what is refused, and what a comparison tells. */
import { describe, expect, test } from 'vitest'
import { comparePipelines } from '../../src/definition/compare.ts'
import { describePipeline } from '../../src/definition/describe.ts'
import { SHOP, changed, problemsOf, resolveText } from './definition-text.ts'

const SECOND = `  users@2:
    entity: user_id
    windows: [1d, 7d]
    features:
      clicks: { count: "*" }
`

function withSecond(text: string, second = SECOND): string {
  return changed(text, 'sinks:\n', `${second}sinks:\n`)
}

function titles(text: string): string[] {
  return resolveText(text).views.map(({ name, version }) => `${name}@${version}`)
}

describe('a file with two versions of a view', () => {
  test('has both, the version being told by the name', () => {
    expect(titles(withSecond(SHOP))).toEqual(['users@1', 'users@2'])
  })

  test('means the same as with the version under its key, and has the same hash', () => {
    const [, byName] = resolveText(withSecond(SHOP)).views
    const alone = changed(changed(SHOP, '  users:', '  old_users:'), 'ttl: 40d', 'ttl: 50d')
    const [, byKey] = resolveText(
      withSecond(alone, changed(SECOND, '  users@2:\n', '  users:\n    version: 2\n')),
    ).views
    expect(byKey).toEqual(byName)
  })

  test('is described under names that tell them apart', () => {
    const { views } = describePipeline(resolveText(withSecond(SHOP))) as { views: object }
    expect(Object.keys(views)).toEqual(['users@1', 'users@2'])
    const one = describePipeline(resolveText(changed(SHOP, '  users:', '  users@7:')))
    expect(Object.keys((one as { views: object }).views)).toEqual(['users'])
  })

  test('refuses one version twice, however it is written', () => {
    const text = withSecond(changed(SHOP, '    entity:', '    version: 2\n    entity:'))
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(
        /^\d+:3 views\.users@2: expected each version of a view once, found version 2 of `users` again: `users` is it too$/,
      ),
    ])
  })

  test('refuses a version under the key that is not that of the name', () => {
    const text = withSecond(SHOP, changed(SECOND, '    entity:', '    version: 3\n    entity:'))
    expect(problemsOf(text)).toEqual([
      expect.stringContaining('views.users@2.version: expected 2, as the name of the view says'),
    ])
  })

  test.each(['users@', 'users@0', 'users@02', 'users@two', 'users@2@3', '@2', 'users@1000000'])(
    'refuses %s as the name of a view',
    (name) => {
      const [problem] = problemsOf(changed(SHOP, '  users:', `  "${name}":`))
      expect(problem).toContain('or with a version behind it: `user_activity@2`')
    },
  )
})

describe('a comparison', () => {
  test('sets each version beside itself, and a new one beside the newest old one', () => {
    const { views, needsVersion } = comparePipelines(
      resolveText(SHOP),
      resolveText(withSecond(SHOP)),
    )
    expect(views.map(({ kind, version, replacesOld }) => [kind, version, replacesOld])).toEqual([
      ['unchanged', { old: 1, new: 1 }, false],
      ['new version', { old: 1, new: 2 }, false],
    ])
    expect(needsVersion).toBe(false)
  })

  test('tells that a version is taken out while the newer one stays', () => {
    const alone = changed(withSecond(SHOP), '  users:\n', '  gone:\n')
    const { views } = comparePipelines(resolveText(withSecond(SHOP)), resolveText(alone))
    expect(views.map(({ view, kind, version }) => [view, kind, version])).toEqual([
      ['gone', 'added', { new: 1 }],
      ['users', 'unchanged', { old: 2, new: 2 }],
      ['users', 'removed', { old: 1 }],
    ])
  })

  test('tells that a new version replaces the old one where that is in the file no longer', () => {
    const { views } = comparePipelines(
      resolveText(SHOP),
      resolveText(changed(SHOP, '  users:', '  users@2:')),
    )
    expect(views).toMatchObject([{ kind: 'new version', replacesOld: true }])
  })
})
