// Compiles the bundles that a server loads, and keeps the code for the generations to come.
//
// The supervisor runs it with the node and the flags of the program: V8 refuses code of others. All functions are
// compiled, also those that only an old process runs.

const { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } =
  require('node:fs') as typeof import('node:fs')
const { setPriority } = require('node:os') as typeof import('node:os')
const { dirname, join } = require('node:path') as typeof import('node:path')
const { pathToFileURL } = require('node:url') as typeof import('node:url')
const { setFlagsFromString } = require('node:v8') as typeof import('node:v8')
// The bundle of this file has its code in it.
const { cacheFile, cacheHead, scriptOf } =
  require('./bundles/compile-bundle.ts') as typeof import('./bundles/compile-bundle.ts')

/** The lowest priority: live traffic comes first. */
const lowest = 19

const [, , cache = ''] = process.argv
setPriority(lowest)
mkdirSync(cache, { mode: 0o700, recursive: true })
const folder = join(dirname(__dirname), 'bundles')
const url = pathToFileURL(folder).href
for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
  if (name.endsWith('.cjs') && !name.startsWith('cli/')) keep(name)
}

function keep(name: string): void {
  const code = readFileSync(join(folder, name), 'latin1')
  const filename = `${url}/${name}`
  setFlagsFromString('--no-lazy')
  const script = scriptOf(code, filename)
  // Code of other flags would be refused.
  setFlagsFromString('--lazy')
  const path = cacheFile(cache, name)
  writeFileSync(
    `${path}.new`,
    Buffer.concat([cacheHead(code, filename), script.createCachedData()]),
  )
  renameSync(`${path}.new`, path)
}
