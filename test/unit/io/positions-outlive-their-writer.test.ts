// The file of positions: both processes have it open, and what one has written the other reads at any time.

import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { PositionFile } from '../../../packages/handoff/src/io/channel/position-file.ts'
import { loadNative } from '../../../packages/handoff/src/io/native/addon.ts'
import { dup, socketPair } from '../../../packages/handoff/src/io/native/descriptors.ts'

const isLinux = process.platform === 'linux'
const at = (read: number) => ({ read, written: 2 * read, item: { idleMs: read } })

/** The file as both processes have it. */
function pair(): { ours: PositionFile; theirs: PositionFile } {
  const ours = PositionFile.create() as PositionFile
  const theirs = PositionFile.from(dup(ours.fd))
  onTestFinished(() => {
    ours.close()
    theirs.close()
  })
  return { ours, theirs }
}

/** A file on a disk, opened for reading only. */
function readOnly(): number {
  const directory = mkdtempSync(join(tmpdir(), 'positions-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  writeFileSync(join(directory, 'file'), '')
  return openSync(join(directory, 'file'), 'r')
}

test.runIf(isLinux)(
  'the latest of each connection is read, also after the writer has closed it',
  () => {
    const { ours, theirs } = pair()
    expect(ours.read(2), 'nothing yet').toEqual([undefined, undefined])
    expect(theirs.write(2, at(20))).toBe(true)
    theirs.write(0, at(1))
    theirs.write(2, at(21))
    theirs.close()
    theirs.close()
    expect(theirs.write(0, at(2)), 'closed').toBe(false)
    expect(ours.read(5)).toEqual([at(1), undefined, at(21), undefined, undefined])
    expect(ours.read(1), 'as many as were asked for').toEqual([at(1)])
    expect(ours.read(0)).toEqual([])
  },
)

test.runIf(isLinux)('long records have room for more, if both processes know them', () => {
  const { ours, theirs } = pair()
  for (const file of [ours, theirs]) file.useLongRecords()
  const position = { ...at(1), item: 'x'.repeat(100) }
  expect(theirs.write(1, position)).toBe(true)
  expect(theirs.write(3, at(3))).toBe(true)
  expect(theirs.write(2, { ...at(2), item: 'x'.repeat(200) }), 'too long').toBe(false)
  expect(ours.read(5)).toEqual([undefined, position, undefined, at(3), undefined])
  expect(fstatSync(ours.fd).size).toBe(4 * 128)
})

test.runIf(isLinux)('it has no path, and no child inherits it', () => {
  const { ours } = pair()
  expect(fstatSync(ours.fd).nlink).toBe(0)
  expect(flagsOf(ours.fd) & 0o2000000, 'O_CLOEXEC').toBeGreaterThan(0)
})

test.runIf(isLinux)('what does not fit, or cannot be written, is left to a message', () => {
  const { theirs } = pair()
  expect(theirs.write(0, { ...at(1), item: 'x'.repeat(100) })).toBe(false)
  const locked = PositionFile.from(readOnly())
  expect(locked.write(0, at(1))).toBe(false)
  locked.close()
})

test('a descriptor of something else is closed', () => {
  const [fd, other] = socketPair()
  expect(() => PositionFile.from(fd)).toThrow('its descriptor is not a file')
  expect(() => closeSync(fd)).toThrow('EBADF')
  closeSync(other)
})

test('there is none where the system has no such files', () => {
  const none = vi.spyOn(loadNative(), 'openMemoryFile').mockReturnValue(-38)
  onTestFinished(() => none.mockRestore())
  expect(PositionFile.create()).toBeUndefined()
})

function flagsOf(fd: number): number {
  const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
  return Number.parseInt(/^flags:\s+(\d+)/m.exec(text)?.[1] ?? '', 8)
}
