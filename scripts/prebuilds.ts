// The prebuilt addons of the package: where they lie, and whether they are of the sources of today.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Libc, libcOf, prebuildName } from '../packages/handoff/src/io/native/addon-file.ts'
import { hashAddonSources, packagePath } from './addon-sources.ts'

export interface Target {
  readonly platform: string
  readonly arch: string
  /** Of Linux alone. */
  readonly libc?: Libc
}

/** Every target that a release has. */
export const targets: readonly Target[] = [
  { platform: 'linux', arch: 'x64', libc: 'glibc' },
  { platform: 'linux', arch: 'arm64', libc: 'glibc' },
  { platform: 'linux', arch: 'x64', libc: 'musl' },
  { platform: 'linux', arch: 'arm64', libc: 'musl' },
  { platform: 'darwin', arch: 'x64' },
  { platform: 'darwin', arch: 'arm64' },
]

/** Returns the target of this machine, or of another architecture. */
export function host(arch: string = process.arch): Target {
  const { platform } = process
  return { platform, arch, ...(platform === 'linux' && { libc: libcOf('/proc/self/exe') }) }
}

/** Returns the path of a target's addon. */
export function prebuildPath({ platform, arch, libc }: Target): string {
  return join(packagePath, 'prebuilds', prebuildName(platform, arch, libc))
}

/** The hash of the sources lies beside the addon. It is not published. */
const hashPath = (target: Target) => prebuildPath(target).replace(/\.node$/, '.sources')

/** Notes of which sources an addon was built. */
export function writeHash(target: Target): void {
  writeFileSync(hashPath(target), `${hashAddonSources()}\n`)
}

/** Returns what is wrong with a target's addon, or undefined. */
export function problemOf(target: Target): string | undefined {
  const path = prebuildPath(target)
  if (!existsSync(path)) return `${path} does not exist`
  const hash = hashPath(target)
  const isCurrent = existsSync(hash) && readFileSync(hash, 'utf8').trim() === hashAddonSources()
  return isCurrent ? undefined : `${path} was built from other sources`
}
