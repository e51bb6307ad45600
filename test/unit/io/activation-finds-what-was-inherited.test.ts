// What a process was started with: names and numbers from the environment, the rest from the kernel.

import { spawnSync } from 'node:child_process'
import { closeSync, fstatSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { expect, describe as group, onTestFinished, test } from 'vitest'
import {
  bindTcp,
  bindUdp,
  bindUnix,
} from '../../../packages/handoff/src/io/listeners/bind-socket.ts'
import { inheritedListeners } from '../../../packages/handoff/src/io/listeners/inherited-listeners.ts'
import type { NamedDescriptor } from '../../../packages/handoff/src/io/listeners/inherited-variables.ts'
import {
  inheritedText,
  takeInherited,
} from '../../../packages/handoff/src/io/listeners/inherited-variables.ts'
import { dup, socketPair } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { storeNameOf } from '../../../packages/handoff/src/protocol/store-names.ts'
import { hasProc } from '../../support/process-facts.ts'
import { scratchDirectory } from '../../support/scratch.ts'

const pid = 4711

group('the environment', () => {
  test('of systemd: the descriptors from 3 on, if they are for this process', () => {
    const env = { LISTEN_PID: '4711', LISTEN_FDS: '3', LISTEN_FDNAMES: 'web.socket:', PATH: '/bin' }
    expect(takeInherited(env, pid)).toEqual([
      { fd: 3, name: 'web.socket' },
      { fd: 4, name: '' },
      { fd: 5, name: '' },
    ])
    expect(env).toEqual({ PATH: '/bin' })
  })

  test('for another process is left to that', () => {
    const env = { LISTEN_PID: '4712', LISTEN_FDS: '1' }
    expect(takeInherited({ ...env }, pid)).toEqual([])
    const left = { ...env }
    takeInherited(left, pid)
    expect(left).toEqual(env)
  })

  test.each([undefined, '', '-1', 'two', '1.5'])('with LISTEN_FDS=%j has none', (count) => {
    expect(takeInherited({ LISTEN_PID: '4711', LISTEN_FDS: count }, pid)).toEqual([])
  })

  test('of a supervisor: what one writes the other reads', () => {
    const names = ['tcp%3A127.0.0.1%3A80', 'a=b c', '']
    const env = { HANDOFF_LISTENERS: inheritedText(names) }
    expect(takeInherited(env, pid)).toEqual(names.map((name, index) => ({ fd: 3 + index, name })))
    expect(env).toEqual({})
    expect(takeInherited({ HANDOFF_LISTENERS: 'x=y:=:7' }, pid)).toEqual([])
  })
})

test.runIf(hasProc)('Node makes all that it inherits close-on-exec, which we rely on', () => {
  const file = openSync('/dev/null', 'r')
  onTestFinished(() => closeSync(file))
  const script = `for (const fd of [3, 4, 20]) process.stdout.write(
    fs.readFileSync('/proc/self/fdinfo/' + fd, 'utf8').match(/flags:.*/)[0] + ';')`
  const descriptors = Array.from({ length: 18 }, () => file)
  const { stdout } = spawnSync(process.execPath, ['-e', script], {
    stdio: ['ignore', 'pipe', 'inherit', ...descriptors],
    encoding: 'utf8',
  })
  // O_CLOEXEC of open(2), in octal: proc_pid_fdinfo(5).
  const flags = [...stdout.matchAll(/flags:\s+(\d+)/g)].map(([, text = '']) => parseInt(text, 8))
  expect(flags.map((flag) => (flag & 0o2000000) !== 0)).toEqual([true, true, true])
})

group('the kernel', () => {
  function find(...inherited: NamedDescriptor[]) {
    const warnings: string[] = []
    const listeners = inheritedListeners(inherited, (message) => warnings.push(message))
    return { listeners, entries: listeners.map(({ entry }) => entry), warnings }
  }

  /** Closed with the test, unless it was already. */
  function owned(fd: number): number {
    const { ino } = fstatSync(fd)
    onTestFinished(() => {
      if (isOpen(fd) && fstatSync(fd).ino === ino) closeSync(fd)
    })
    return fd
  }

  const tcp = () => owned(bindTcp({ address: '127.0.0.1', port: 0 }))

  test('a stored listener has the key that it was stored under', () => {
    const fd = tcp()
    const key = 'tcp:127.0.0.1:0#admin'
    const { listeners } = find({ fd, name: storeNameOf(key) })
    expect(listeners).toEqual([
      {
        fd,
        entry: {
          key,
          protocol: 'tcp',
          address: '127.0.0.1',
          port: expect.any(Number),
          ipv6Only: false,
        },
      },
    ])
  })

  test('one of a socket unit is found by its place', () => {
    const { entries } = find(
      { fd: tcp(), name: 'web.socket' },
      { fd: owned(bindUdp({ address: '127.0.0.1', port: 0 })), name: '' },
    )
    const [first, second] = entries
    expect(first?.key).toBe(`tcp:127.0.0.1:${first?.port}`)
    expect(second).toMatchObject({ key: `udp:127.0.0.1:${second?.port}`, protocol: 'udp' })
  })

  test('the path of a stored listener is ours to remove, that of a socket unit is not', () => {
    const [ours = '', theirs = ''] = ['a', 'b'].map((name) => join(scratchDirectory(), name))
    const { entries } = find(
      { fd: owned(bindUnix({ path: ours })), name: storeNameOf(`unix:${ours}`) },
      { fd: owned(bindUnix({ path: theirs })), name: 'web.socket' },
    )
    expect(entries[0]).toMatchObject({ key: `unix:${ours}`, inode: expect.any(String) })
    expect(entries[1]).toMatchObject({ key: `unix:${theirs}`, address: theirs })
    expect(entries[1]).not.toHaveProperty('inode')
  })

  test('one socket that comes twice, from the unit and from the store, is one', () => {
    const path = join(scratchDirectory(), 'a')
    const fd = owned(bindUnix({ path }))
    const twin = owned(dup(fd))
    const { listeners } = find(
      { fd, name: 'web.socket' },
      { fd: twin, name: storeNameOf('unix:app.sock') },
    )
    expect(listeners).toMatchObject([{ fd, entry: { key: 'unix:app.sock' } }])
    expect(listeners[0]?.entry).not.toHaveProperty('inode')
    expect(isOpen(twin)).toBe(false)
  })

  test('two sockets of one name are two', () => {
    const name = storeNameOf('tcp:127.0.0.1:0#1')
    expect(find({ fd: tcp(), name }, { fd: tcp(), name }).entries).toMatchObject([
      { key: 'tcp:127.0.0.1:0#1' },
      { key: 'tcp:127.0.0.1:0#1#2' },
    ])
  })

  test('a name that was cut off tells no key: the place does', () => {
    const path = join(scratchDirectory(), `${'ä'.repeat(30)}.sock`)
    const name = storeNameOf(`unix:${'%'.repeat(100)}`)
    expect(name).toHaveLength(255)
    expect(find({ fd: owned(bindUnix({ path })), name }).entries).toMatchObject([
      { key: `unix:${path}`, inode: expect.any(String) },
    ])
  })

  test('what is no listener is left alone, and that is said', () => {
    const file = owned(openSync('/dev/null', 'r'))
    const [connected = -1, other = -1] = socketPair().map(owned)
    const { listeners, warnings } = find(
      { fd: file, name: 'state' },
      { fd: connected, name: '' },
      { fd: 9_999, name: '' },
    )
    expect(listeners).toEqual([])
    expect(warnings).toHaveLength(3)
    expect(warnings[0]).toContain(`descriptor ${file} (state) is not a listener`)
    expect([file, connected, other].every(isOpen)).toBe(true)
  })
})

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd)
    return true
  } catch {
    return false
  }
}
