// Loads the bundles of this package. Each is loaded once in a process, and the program does not notice.
//
// Neither `require` nor `import` does it: `require.cache` is the program's, a server that listens cannot wait for
// `import`, and both cost more time than most of the code. Each door of the package has a copy of this file.

import { compileBundle } from './compile-bundle.ts'

const { readFileSync } = process.getBuiltinModule('node:fs')
const { dirname, join } = process.getBuiltinModule('node:path')
const { fileURLToPath } = process.getBuiltinModule('node:url')

/** What the code of a bundle gets beside itself; scripts/build.mjs writes what uses it. */
export interface Loader {
  /** Returns the exports of a bundle, which runs at its first load. */
  load<Exports>(name: string): Exports
  /**
   * Reads bundles for a later {@link load}: that waits for no disk then, and gets the same release, whatever
   * has become of the folder.
   */
  hold(...names: string[]): void
}

/** What this process has of the bundles of one folder. A name is the path below the folder. */
interface Bundles {
  /** The exports of those that were loaded. */
  readonly loaded: Map<string, unknown>
  /** The code of those that are loaded later. */
  readonly held: Map<string, Buffer>
  /** The folder of compiled code, as the supervisor has set it for the process. */
  readonly cache: string | undefined
}

/** A compiled function cannot import by itself without a warning of Node.js. */
const importPackage = (name: string) => import(name)

/** @param url - of the folder of the bundles, without a slash at its end. */
export function createLoader(url: string): Loader {
  const folder = fileURLToPath(url)
  const { loaded, held, cache } = bundlesOf(folder)

  function load(name: string): unknown {
    if (loaded.has(name)) return loaded.get(name)
    // Bundles are ASCII.
    const code = (held.get(name) ?? readFileSync(join(folder, name))).toString('latin1')
    held.delete(name)
    const filename = `${url}/${name}`
    const module = { exports: {} }
    const requires = (path: string) =>
      path.startsWith('.') ? load(join(dirname(name), path)) : process.getBuiltinModule(path)
    const run = compileBundle(code, name, filename, cache)
    run(module, requires, filename, load, hold, importPackage)
    loaded.set(name, module.exports)
    return module.exports
  }

  function hold(...names: string[]): void {
    for (const name of names) {
      if (!loaded.has(name) && !held.has(name)) held.set(name, readFileSync(join(folder, name)))
    }
  }

  return { load: <Exports>(name: string) => load(name) as Exports, hold }
}

/** All doors of this copy of the package share them; `process/claim.ts` says why they are there. */
function bundlesOf(folder: string): Bundles {
  const key = Symbol.for(`socket-handoff:bundles:${folder}`)
  const shared: Record<symbol, Bundles | undefined> = Object.getPrototypeOf(globalThis)
  const known = shared[key]
  if (known !== undefined) return known
  // A process that loads the package later finds no variable any more: terms/options.ts.
  const cache = process.env.HANDOFF_CODE_CACHE
  const value: Bundles = { loaded: new Map(), held: new Map(), cache }
  Object.defineProperty(shared, key, { value })
  return value
}
