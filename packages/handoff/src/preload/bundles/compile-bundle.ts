// Compiles bundles of this package, with the code that V8 has compiled before if the supervisor keeps it.

const { readFileSync } = process.getBuiltinModule('node:fs')
const { join } = process.getBuiltinModule('node:path')
const { Script } = process.getBuiltinModule('node:vm')

const prefix = '(function (module, require, bundleUrl, load, hold, importPackage) {'

/** The function that a bundle is: scripts/build.mjs writes its body. */
export type Bundle = (
  module: { exports: unknown },
  require: (path: string) => unknown,
  bundleUrl: string,
  load: (name: string) => unknown,
  hold: (...names: string[]) => void,
  importPackage: (name: string) => Promise<unknown>,
) => void

/**
 * The bundle as V8 compiles it.
 *
 * @param code - its text, in ASCII.
 * @param filename - its URL. V8 takes that of the cached code for stack traces.
 */
export function scriptOf(
  code: string,
  filename: string,
  cachedData?: Buffer,
): import('node:vm').Script {
  return new Script(`${prefix}${code}\n})`, {
    filename,
    columnOffset: -prefix.length,
    ...(cachedData !== undefined && { cachedData }),
  })
}

/** @param cache - the folder of the compiled code, if there is one. */
export function compileBundle(
  code: string,
  name: string,
  filename: string,
  cache: string | undefined,
): Bundle {
  const cachedData = cache === undefined ? undefined : readCached(cache, name, code, filename)
  return scriptOf(code, filename, cachedData).runInThisContext() as Bundle
}

/** The file with the compiled code of a bundle. */
export function cacheFile(cache: string, name: string): string {
  return join(cache, `${name.replaceAll('/', '+')}.bin`)
}

/**
 * What such a file begins with: V8 compares the length of the text only, and an upgrade of the package may
 * change a bundle in place.
 */
export function cacheHead(code: string, filename: string): Buffer {
  const text = Buffer.from(`${filename}\n${code}`, 'latin1')
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.length)
  return Buffer.concat([length, text])
}

/** V8 itself refuses the code of another version of it, or of other flags. */
function readCached(
  cache: string,
  name: string,
  code: string,
  filename: string,
): Buffer | undefined {
  try {
    const file = readFileSync(cacheFile(cache, name))
    const head = cacheHead(code, filename)
    return file.subarray(0, head.length).equals(head) ? file.subarray(head.length) : undefined
  } catch {
    // There is none yet.
    return undefined
  }
}
