// Finds the file of the native core: the package's own build, or the prebuilt one for this platform.

import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packageFolder } from './package-folder.ts'

const name = 'socket_handoff.node'

/**
 * Returns the root of this package.
 *
 * @internal
 */
export function packageRoot(): string {
  return dirname(fileURLToPath(new URL('package.json', packageFolder)))
}

/**
 * Returns where `handoff build-native` puts its result.
 *
 * @internal
 */
export function ownBuild(root: string): string {
  return join(root, 'build/Release', name)
}

/**
 * Returns the places of the addon, the first choice first: a build made here is preferred to a
 * prebuilt one, which may not fit this machine.
 *
 * @internal
 */
export function* addonPlaces(root = packageRoot()): Generator<string> {
  yield ownBuild(root)
  if (isClone(root)) yield join(root, '../..', 'build/Release', name)
  yield join(root, 'prebuilds', prebuildName())
}

/**
 * Returns whether this is a clone of the repository, where binding.gyp lies two directories up.
 *
 * @internal
 */
export function isClone(root: string): boolean {
  return basename(dirname(root)) === 'packages' && existsSync(join(root, '../../binding.gyp'))
}

/**
 * Returns the command that builds the addon on this machine.
 *
 * @internal
 */
export function buildCommand(root = packageRoot()): string {
  if (isClone(root)) return 'npm run setup'
  // With Plug'n'Play there is no node_modules/.bin, where npx looks.
  return `${'pnp' in process.versions ? 'yarn' : 'npx'} handoff build-native`
}

/**
 * Returns the path of a prebuilt addon below `prebuilds`: `linux-x64/socket-handoff.glibc.node`.
 *
 * @remarks The names are those of prebuildify. Its loader, node-gyp-build, costs each process
 * 2.5 ms (a third of it for variables of npm that mean nothing to a server), and takes every Linux but
 * Alpine for glibc.
 * @internal
 */
export function prebuildName(
  platform: string = process.platform,
  arch: string = process.arch,
  libc: Libc | undefined = platform === 'linux' ? libcOf('/proc/self/exe') : undefined,
): string {
  return join(`${platform}-${arch}`, ['socket-handoff', libc, 'node'].filter(Boolean).join('.'))
}

/** The C libraries that Node.js is built for on Linux; addons of one do not run with the other. */
export type Libc = 'glibc' | 'musl'

/** The dynamic linker is named right after the program headers (PT_INTERP of elf(5)). */
const headBytes = 2048

/**
 * Returns the C library of an executable, by the dynamic linker that it names. detect-libc asks this
 * first, too; it takes 0.4 ms, and a report of Node.js 5 ms.
 *
 * @internal
 */
export function libcOf(executable: string): Libc {
  const head = Buffer.alloc(headBytes)
  try {
    const fd = openSync(executable, 'r')
    try {
      readSync(fd, head, 0, headBytes, 0)
    } finally {
      closeSync(fd)
    }
  } catch {
    // Without /proc: as most are.
  }
  return head.includes('/ld-musl-') ? 'musl' : 'glibc'
}
