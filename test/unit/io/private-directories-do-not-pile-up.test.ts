// The private directory of a process that could not remove it: it was killed, or had given up root.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { DatagramListener } from '../../../packages/handoff/src/io/channel/datagram.ts'
import { bindUnix } from '../../../packages/handoff/src/io/listeners/bind-socket.ts'
import { KeptPaths } from '../../../packages/handoff/src/io/listeners/kept-paths.ts'
import { inodeAt } from '../../../packages/handoff/src/io/listeners/socket-path.ts'
import { close } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { openRunDirectory } from '../../../packages/handoff/src/io/rendezvous/run-directory.ts'
import { scratchDirectory } from '../../support/scratch.ts'

function privateDirectory(pid: number) {
  const runs = scratchDirectory()
  const path = join(runs, `self-${pid}-0a1b2c3d`)
  mkdirSync(path, { mode: 0o700 })
  const open = () => openRunDirectory('web', { HANDOFF_DIR: runs })
  return { path, open, runs }
}

/** The number of a process that has ended. */
const ended = () => spawnSync('true').pid

test('is removed with its sockets when a run directory is opened', () => {
  const { path, open } = privateDirectory(ended())
  close(bindUnix({ path: join(path, 'rendezvous.sock') }))
  const notify = join(path, 'notify.sock')
  DatagramListener.bind(
    notify,
    0o600,
    () => {},
    () => {},
  ).close()
  expect(existsSync(join(path, 'rendezvous.sock'))).toBe(true)
  open()
  expect(existsSync(path)).toBe(false)
})

test('is removed with the paths that are kept there', () => {
  const { path, open, runs } = privateDirectory(ended())
  const app = join(runs, 'app.sock')
  const fd = bindUnix({ path: app })
  new KeptPaths(() => path).keep(app, inodeAt(app) ?? '')
  close(fd)
  close(bindUnix({ path: join(path, 'rendezvous.sock') }))
  open()
  expect(existsSync(path)).toBe(false)
})

test('stays while its process lives', () => {
  const { path, open } = privateDirectory(process.pid)
  open()
  expect(existsSync(path)).toBe(true)
})

test('stays while a later generation listens there', () => {
  const { path, open } = privateDirectory(ended())
  const fd = bindUnix({ path: join(path, 'rendezvous.sock') })
  onTestFinished(() => close(fd))
  open()
  expect(existsSync(join(path, 'rendezvous.sock'))).toBe(true)
})

test('stays while a process in another pid namespace reads there', () => {
  const { path, open } = privateDirectory(ended())
  const listener = DatagramListener.bind(
    join(path, 'notify.sock'),
    0o600,
    () => {},
    () => {},
  )
  onTestFinished(() => listener.close())
  open()
  expect(existsSync(join(path, 'notify.sock'))).toBe(true)
})

test('stays while nothing is in it: its process may be about to bind', () => {
  const { path, open } = privateDirectory(ended())
  open()
  expect(existsSync(path)).toBe(true)
})

test('stays if something else is in it', () => {
  const { path, open } = privateDirectory(ended())
  writeFileSync(join(path, 'precious'), '')
  close(bindUnix({ path: join(path, 'rendezvous.sock') }))
  open()
  expect(existsSync(join(path, 'precious'))).toBe(true)
})

test('is not touched under another name', () => {
  const runs = scratchDirectory()
  for (const name of ['self-made', `self-${ended()}`]) mkdirSync(join(runs, name), { mode: 0o700 })
  openRunDirectory('web', { HANDOFF_DIR: runs })
  expect(existsSync(join(runs, 'self-made'))).toBe(true)
})
