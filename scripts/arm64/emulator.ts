// Has the kernel start programs for arm64 by qemu-user.

import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'

const directory = '/proc/sys/fs/binfmt_misc'
const name = 'socket-handoff-arm64'
const emulator = '/usr/bin/qemu-aarch64'

/** The libraries of Debian's cross compiler. */
const libraries = '/usr/aarch64-linux-gnu'

/** The head of a 64-bit little-endian ELF file for AArch64 (machine 183), as in QEMU's qemu-binfmt-conf.sh. */
const magic = String.raw`\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`
const mask = String.raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`

/**
 * Registers the emulator, unless this machine runs arm64 programs already.
 *
 * @returns a function that takes the registration back.
 */
export function registerEmulator(): () => void {
  if (process.arch === 'arm64') return () => {}
  process.env.QEMU_LD_PREFIX ??= libraries
  if (isRegistered()) return () => {}
  if (!existsSync(emulator)) throw new Error('cannot find qemu-aarch64. Install qemu-user.')
  const mounts = !existsSync(`${directory}/register`)
  if (mounts) execFileSync('mount', ['-t', 'binfmt_misc', 'none', directory], { stdio: 'inherit' })
  writeFileSync(`${directory}/register`, `:${name}:M::${magic}:${mask}:${emulator}:P`)
  return () => {
    writeFileSync(`${directory}/${name}`, '-1')
    if (mounts) execFileSync('umount', [directory], { stdio: 'inherit' })
  }
}

function isRegistered(): boolean {
  if (!existsSync(directory)) return false
  return readdirSync(directory)
    .filter((entry) => entry !== 'register' && entry !== 'status')
    .map((entry) => readFileSync(`${directory}/${entry}`, 'utf8'))
    .some((text) => text.startsWith('enabled') && /^magic 7f454c46.*0200b700$/m.test(text))
}
