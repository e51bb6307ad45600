// CHANGELOG.md at a release. It is written by hand; this gives its newest section a date, and prints a section.
//
//   node --import tsx scripts/changelog.ts release         # dates the section of the packages' version
//   node --import tsx scripts/changelog.ts notes 0.1.0     # prints what one version changes

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The heading of the section that is being written. A version may stand before it: the next one, as planned. */
const unreleased = /^## (?:Unreleased|\S+ \(unreleased\))$/m

/**
 * Returns the changelog with its unreleased section under a version and a date.
 *
 * @throws if there is no unreleased section, or nothing in it.
 */
export function releaseSection(changelog: string, version: string, date: string): string {
  const heading = unreleased.exec(changelog)?.[0]
  if (heading === undefined) {
    throw new Error(
      'cannot release CHANGELOG.md: it has no section "## Unreleased". Write what this version changes for users.',
    )
  }
  const released = changelog.replace(heading, `## ${version} (${date})`)
  notesOf(released, version)
  return released
}

/**
 * Returns the text of one version's section, without its heading.
 *
 * @throws if the version has no section, or an empty one.
 */
export function notesOf(changelog: string, version: string): string {
  const sections = changelog.split(/^(?=## )/m)
  const section = sections.find((text) => /^## (\S+)/.exec(text)?.[1] === version)
  const notes = section?.replace(/^.*\n/, '').trim()
  if (notes) return notes
  throw new Error(
    `cannot find what ${version} changes: CHANGELOG.md has no text under its heading. Write it.`,
  )
}

const [, script, command, argument] = process.argv
if (script === fileURLToPath(import.meta.url)) run(command, argument)

function run(command = '', version = versionOfPackages()): void {
  const path = fileURLToPath(new URL('../CHANGELOG.md', import.meta.url))
  const changelog = readFileSync(path, 'utf8')
  if (command === 'notes') {
    console.log(notesOf(changelog, version))
  } else if (command === 'release') {
    const today = new Date().toISOString().slice(0, 'YYYY-MM-DD'.length)
    writeFileSync(path, releaseSection(changelog, version, today))
  } else {
    throw new Error(`cannot run ${JSON.stringify(command)}. Use release or notes.`)
  }
}

/** Both packages have the same version: `fixed` in .changeset/config.json. */
function versionOfPackages(): string {
  const file = new URL('../packages/handoff/package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
