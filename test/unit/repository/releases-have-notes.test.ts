// A release takes its notes from the changelog that is written by hand, and both packages have one version.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { notesOf, releaseSection } from '../../../scripts/changelog.ts'

const read = (path: string) =>
  readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8')

const changelog = `# Changelog

Written for users.

## Unreleased

- New.

### Fixed

- Mended.

## 0.1.0 (2026-11-29)

- First.
`

test('a release gives the newest section its version and date, and keeps the rest', () => {
  const released = releaseSection(changelog, '0.2.0', '2026-12-24')
  expect(released).toBe(changelog.replace('## Unreleased', '## 0.2.0 (2026-12-24)'))
})

test('the planned version of a section gives way to the real one', () => {
  const planned = changelog.replace('Unreleased', '0.1.1 (unreleased)')
  expect(releaseSection(planned, '0.2.0', '2026-12-24')).toContain('\n## 0.2.0 (2026-12-24)\n')
  expect(releaseSection(planned, '0.2.0', '2026-12-24')).not.toContain('unreleased')
})

test('the notes of a version are its section', () => {
  expect(notesOf(changelog, '0.1.0')).toBe('- First.')
  const released = releaseSection(changelog, '0.2.0', '2026-12-24')
  expect(notesOf(released, '0.2.0')).toBe('- New.\n\n### Fixed\n\n- Mended.')
})

test('nothing is released without a word for users', () => {
  expect(() => releaseSection(read('LICENSE'), '0.2.0', '2026-12-24')).toThrow(/has no section/)
  const empty = changelog.replace(/- New[\s\S]*Mended\.\n/, '')
  expect(() => releaseSection(empty, '0.2.0', '2026-12-24')).toThrow(/no text/)
  expect(() => notesOf(changelog, '9.9.9')).toThrow(/9\.9\.9/)
})

test('our changelog has a section of the version that the packages have', () => {
  const packages = ['handoff', 'fastify-plugin'].map(
    (name) => JSON.parse(read(`packages/${name}/package.json`)) as Record<string, string>,
  )
  const [version, other] = packages.map((file) => file.version)
  expect(version).toBe(other)
  expect(read('CHANGELOG.md')).toMatch(new RegExp(`^## (Unreleased|${version}\\b)`, 'm'))
  const { fixed } = JSON.parse(read('.changeset/config.json')) as { fixed: string[][] }
  expect(fixed).toEqual([packages.map((file) => file.name)])
})
