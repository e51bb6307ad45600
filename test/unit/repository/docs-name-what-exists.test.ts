// Every link of the docs leads to a file or heading of this repository, and every path that they name exists.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const sources = join(root, 'packages/handoff/src')

/** Where this repository is on GitHub. Its links are checked as those of files are. */
const onGitHub = 'https://github.com/socket-handoff/socket-handoff/blob/main/'

const files = (directory: string, extension: RegExp) =>
  readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })
    .filter((name) => extension.test(name) && !name.includes('node_modules'))
    .map((name) => join(directory, name))

const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...['.changeset', '.github', 'bench', 'docs', 'examples'].flatMap((folder) =>
    files(folder, /\.md$|^ISSUE_TEMPLATE.*\.yml$/),
  ),
  ...readdirSync(join(root, 'packages')).map((name) => join('packages', name, 'README.md')),
].filter((page) => existsSync(join(root, page)))

const read = (page: string) => readFileSync(join(root, page), 'utf8')
const withoutCode = (text: string) => text.replaceAll(/^( *)```[\s\S]*?^\1```/gm, '')

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of withoutCode(read(page)).matchAll(/^#{1,6} (.*)$/gm)) {
    const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const anchor = text.replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, '').replaceAll(' ', '-')
    let unique = anchor
    for (let count = 1; anchors.has(unique); count++) unique = `${anchor}-${count}`
    anchors.add(unique)
  }
  return anchors
}

/** The targets of `[text](target)`, `[name]: target`, `<img src="target">` and addresses of this repository. */
function linksOf(page: string): string[] {
  const patterns = [
    /\]\(([^)\s]+)(?: "[^"]*")?\)/g,
    /^\[[^\]]+\]: (\S+)/gm,
    /(?:src|href)="([^"]+)"/g,
    new RegExp(`(${onGitHub}[\\w./#-]+)`, 'g'),
  ]
  const text = withoutCode(read(page))
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map(([, target = '']) => target))
}

/** Returns what is wrong with a link, or undefined. */
function problemOf(page: string, link: string): string | undefined {
  const [path = '', anchor] = link.split('#')
  const isOurs = path.startsWith(onGitHub)
  if (!isOurs && /^[a-z]+:/.test(path)) return undefined
  const target = isOurs ? path.slice(onGitHub.length) : join(dirname(page), path)
  const file = path === '' ? page : target
  if (!existsSync(join(root, file))) return `${page}: ${link} does not exist`
  if (anchor === undefined || !file.endsWith('.md')) return undefined
  return anchorsOf(file).has(anchor) ? undefined : `${page}: ${link} names no heading of ${file}`
}

test('every link leads to a file or a heading', () => {
  const links = pages.flatMap((page) => linksOf(page).map((link) => ({ page, link })))
  expect(links.length).toBeGreaterThan(100)
  expect(links.map(({ page, link }) => problemOf(page, link)).filter(Boolean)).toEqual([])
})

test('a link that leads nowhere is found', () => {
  expect(problemOf('README.md', 'docs/nowhere.md')).toContain('does not exist')
  expect(problemOf('README.md', 'docs/testing.md#nothing-of-that-name')).toContain('no heading')
  expect(problemOf('docs/testing.md', '#the-model')).toBeUndefined()
  expect(problemOf('README.md', `${onGitHub}docs/limits.md`)).toBeUndefined()
  expect(problemOf('README.md', `${onGitHub}docs/nowhere.md`)).toContain('does not exist')
})

/** What this page names that is a file or folder: from the top, or from the rooms of the sources. */
function pathsNamedBy(page: string): string[] {
  const text = read(page)
  const fromTop = [
    ...text.matchAll(/(?<![\w/.@-])(?:test|packages|bench|scripts|native)\/[\w./-]+/g),
  ]
  const rooms = readdirSync(sources).filter((name) => statSync(join(sources, name)).isDirectory())
  const inRoom = text.matchAll(new RegExp(`\`((?:${rooms.join('|')})/[\\w./-]*)\``, 'g'))
  return [
    ...fromTop.map(([path]) => path.replace(/[./]+$/, '')),
    ...[...inRoom].map(([, path = '']) => join('packages/handoff/src', path)),
  ]
}

/** Written by a build or an install, so a fresh clone does not have them. */
const generated = /\/(dist|prebuilds|addon|node_modules)\b/

test('every path that the docs name exists', () => {
  const missing = pages
    // Written for users at the time of a release: later versions may have moved what it names.
    .filter((page) => page !== 'CHANGELOG.md')
    .flatMap((page) => pathsNamedBy(page).map((path) => ({ page, path })))
    .filter(({ path }) => !generated.test(path) && !existsSync(join(root, path)))
  expect(missing.map(({ page, path }) => `${page}: ${path}`)).toEqual([])
})

test('every test that docs/testing.md names by its sentence exists', () => {
  const tests = new Set(files('test', /\.test\.ts$/).map((file) => basename(file, '.test.ts')))
  const named = [...read('docs/testing.md').matchAll(/`([a-z0-9]+(?:-[a-z0-9]+){2,})`/g)]
    .map(([, name = '']) => name)
    // A folder for downloads, and packages of npm.
    .filter((name) => !/^(socket-handoff|node-linux)-/.test(name))
  expect(named.length).toBeGreaterThan(3)
  expect(named.filter((name) => !tests.has(name))).toEqual([])
})
