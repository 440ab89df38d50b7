/** Pages name files, sections and tests: each of them is there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const root = path.dirname(import.meta.dirname)

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(path.join(root, 'docs')).map((name) => `docs/${name}`),
].filter((page) => page.endsWith('.md'))

function read(file: string): string {
  return readFileSync(path.join(root, file), 'utf8')
}

/** As GitHub makes it of a heading. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-')
}

function anchors(page: string): string[] {
  return [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchor(heading))
}

function brokenLinks(page: string): string[] {
  const links = [...read(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)]
  return links.flatMap(([, file = '', section]) => {
    const target = file === '' ? page : path.join(path.dirname(page), file)
    if (!existsSync(path.join(root, target))) return [`${page}: ${target}`]
    if (section === undefined || anchors(target).includes(section)) return []
    return [`${page}: ${target}#${section}`]
  })
}

test('every link of a page leads somewhere', () => {
  expect(pages.flatMap(brokenLinks)).toEqual([])
})

test('every file that a page names exists', () => {
  const missing = pages.flatMap((page) => {
    const named = [
      ...read(page).matchAll(
        /`((?:src|test|docs|scripts|schemas|demo|bench|servers|examples|deploy)\/[^`\s*<]*)`/g,
      ),
    ]
    const files = named.map(([, file = '']) => file)
    return files
      .filter((file) => !existsSync(path.join(root, file)))
      .map((file) => `${page}: ${file}`)
  })
  expect(missing).toEqual([])
})

test('every test that a page names is in the file that it names', () => {
  const named = pages.flatMap((page) =>
    [...read(page).matchAll(/`(test\/[^`]+)`: "([^"]+)"/g)].map(([, file = '', title = '']) => {
      return { page, file, title }
    }),
  )
  expect(named.length).toBeGreaterThan(10)
  expect(named.filter(({ file, title }) => !read(file).includes(title))).toEqual([])
})
