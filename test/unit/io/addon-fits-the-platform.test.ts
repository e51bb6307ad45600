import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import {
  addonPlaces,
  buildCommand,
  libcOf,
  packageRoot,
  prebuildName,
} from '../../../packages/handoff/src/io/native/addon-file.ts'
import { scratchDirectory } from '../../support/scratch.ts'

/** The head of an executable that names a dynamic linker. */
function executableWith(linker: string): string {
  const path = join(scratchDirectory(), 'node')
  writeFileSync(path, `\x7fELF${'\0'.repeat(600)}${linker}\0${'\0'.repeat(4000)}`)
  return path
}

test.each([
  ['/lib64/ld-linux-x86-64.so.2', 'glibc'],
  ['/lib/ld-linux-aarch64.so.1', 'glibc'],
  ['/nix/store/abc-glibc-2.40/lib/ld-linux-x86-64.so.2', 'glibc'],
  ['/lib/ld-musl-x86_64.so.1', 'musl'],
  ['/lib/ld-musl-aarch64.so.1', 'musl'],
])('the dynamic linker %s is of %s', (linker, libc) => {
  expect(libcOf(executableWith(linker))).toBe(libc)
})

test('an executable that cannot be read counts as one of glibc', () => {
  expect(libcOf(join(scratchDirectory(), 'absent'))).toBe('glibc')
})

test.runIf(process.platform === 'linux')('this Node.js is of glibc or musl', () => {
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  expect(libcOf('/proc/self/exe')).toBe(header?.glibcVersionRuntime ? 'glibc' : 'musl')
})

test('a prebuilt addon is named by platform, architecture and C library', () => {
  expect(prebuildName('linux', 'x64', 'glibc')).toBe('linux-x64/socket-handoff.glibc.node')
  expect(prebuildName('linux', 'arm64', 'musl')).toBe('linux-arm64/socket-handoff.musl.node')
  expect(prebuildName('darwin', 'arm64')).toBe('darwin-arm64/socket-handoff.node')
})

test('an installed package looks for its own build, then for the prebuilt addon', () => {
  const root = '/srv/app/node_modules/socket-handoff'
  expect([...addonPlaces(root)]).toEqual([
    `${root}/build/Release/socket_handoff.node`,
    `${root}/prebuilds/${prebuildName()}`,
  ])
  expect(buildCommand(root)).toBe('npx handoff build-native')
})

test('with Plug’n’Play, Yarn runs the command', () => {
  Object.defineProperty(process.versions, 'pnp', { value: '3', configurable: true })
  onTestFinished(() => void Reflect.deleteProperty(process.versions, 'pnp'))
  expect(buildCommand('/srv/.yarn/unplugged/socket-handoff')).toBe('yarn handoff build-native')
})

test('a clone looks for the build of the repository as well', () => {
  const root = packageRoot()
  expect(root).toMatch(/\/packages\/handoff$/)
  expect([...addonPlaces()][1]).toBe(join(root, '../../build/Release/socket_handoff.node'))
  expect(buildCommand()).toBe('npm run setup')
})
