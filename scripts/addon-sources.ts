// Copies the sources of the native core into the package, as they are published: `addon/`.

import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
export const packagePath = join(root, 'packages/handoff')
export const addonPath = join(packagePath, 'addon')

/** What a build includes of node-addon-api, and its licence. */
const headers = ['napi.h', 'napi-inl.h', 'LICENSE.md']

/** Makes `addon/` anew: binding.gyp, native/ without its tests, and the headers of node-addon-api. */
export function copyAddonSources(): void {
  rmSync(addonPath, { recursive: true, force: true })
  mkdirSync(addonPath)
  cpSync(join(root, 'binding.gyp'), join(addonPath, 'binding.gyp'))
  const tests = join(root, 'native/test')
  const filter = (path: string) => path !== tests
  cpSync(join(root, 'native'), join(addonPath, 'native'), { recursive: true, filter })
  const api = dirname(createRequire(import.meta.url).resolve('node-addon-api/package.json'))
  for (const name of headers) cpSync(join(api, name), join(addonPath, 'node-addon-api', name))
}

/** Returns a hash of `addon/`: a prebuilt addon carries that of its sources. */
export function hashAddonSources(): string {
  const hash = createHash('sha256')
  for (const name of filesIn(addonPath)) {
    hash
      .update(`${name}\0`)
      .update(readFileSync(join(addonPath, name)))
      .update('\0')
  }
  return hash.digest('hex')
}

function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort()
}
