// Builds the native core that is published for one platform: packages/handoff/prebuilds/….
//
//   npm run build:prebuild                    # for this machine
//   npm run build:prebuild -- --arch arm64    # cross build on Linux, with Debian's g++-aarch64-linux-gnu
//
// It builds what the package has in `addon/`, in the way of `handoff build-native`. An addon of today's sources
// is not built again.

import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { buildAddon } from '../packages/handoff/src/cli/native/build.ts'
import { findNodeGyp, headerFlags } from '../packages/handoff/src/cli/native/node-gyp.ts'
import { addonPath, copyAddonSources, root } from './addon-sources.ts'
import { host, prebuildPath, problemOf, type Target, writeHash } from './prebuilds.ts'

/** Names that GNU tools for another architecture begin with. */
const toolPrefixes: Readonly<Record<string, string>> = {
  arm64: 'aarch64-linux-gnu-',
  x64: 'x86_64-linux-gnu-',
}

/** Node.js 20 to 24 run on this glibc (BUILDING.md of Node.js), and so must the addon. */
const oldestGlibc = [2, 28] as const

const { values } = parseArgs({ options: { arch: { type: 'string', default: process.arch } } })
const target = host(values.arch)

copyAddonSources()
if (problemOf(target) === undefined) console.log(`${prebuildPath(target)} is up to date`)
else build(target)

function build(target: Target): void {
  const nodeGyp = findNodeGyp([root])
  if (nodeGyp === undefined) throw new Error('cannot find node-gyp. Run npm ci.')
  const output = prebuildPath(target)
  buildAddon({
    sources: addonPath,
    output,
    nodeGyp,
    flags: [`--arch=${target.arch}`, ...headerFlags()],
    env: { ...process.env, ...crossTools(target) },
  })
  if (target.libc === 'glibc') checkGlibc(output)
  writeHash(target)
  console.log(output)
}

/** The compiler of another architecture of Linux; that of macOS builds for both. */
function crossTools({ platform, arch }: Target): NodeJS.ProcessEnv {
  const prefix = toolPrefixes[arch]
  if (arch === process.arch || platform !== 'linux' || prefix === undefined) return {}
  const { CC = `${prefix}gcc`, CXX = `${prefix}g++`, AR = `${prefix}ar` } = process.env
  return { CC, CXX, AR, LINK: CXX }
}

/** @throws if the addon needs a newer glibc than Node.js itself. */
function checkGlibc(path: string): void {
  const { stdout, status } = spawnSync('readelf', ['--version-info', '--wide', path], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error('cannot run readelf. Install binutils.')
  const needed = [...stdout.matchAll(/Name: GLIBC_(\d+)\.(\d+)/g)].map(([, major, minor]) => [
    Number(major),
    Number(minor),
  ])
  if (needed.length === 0) throw new Error(`cannot read which glibc ${path} needs.`)
  const tooNew = needed.filter(
    ([major = 0, minor = 0]) =>
      major > oldestGlibc[0] || (major === oldestGlibc[0] && minor > oldestGlibc[1]),
  )
  if (tooNew.length === 0) return
  const versions = tooNew.map((version) => version.join('.')).join(', ')
  throw new Error(
    `${path} needs glibc ${versions}; Node.js needs ${oldestGlibc.join('.')}. Build it with an older glibc.`,
  )
}
