import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { frame, HELLO, parseFrame, REFUSE } from '../../support/frames.ts'
import { send } from '../../support/load/send.ts'
import { Output } from '../../support/output.ts'
import { startRun } from '../../support/run.ts'

const NOBODY = 65_534

/** Only root can act as a second user and give files away. */
const asRoot = test.skipIf(process.getuid?.() !== 0)

asRoot('another user cannot connect (needs root to act as one)', async () => {
  const run = await startRun('hello-server.mjs')

  expect(await helloAsNobody(run.rendezvous)).toEqual({ error: 'EACCES' })

  await run.reloadWell()
  await run.stop()
})

asRoot('another user that gets past the file modes is denied by its uid (needs root)', async () => {
  const run = await startRun('hello-server.mjs')
  const opened = [run.directory, dirname(run.rendezvous), run.rendezvous]
  const modes = opened.map((path) => lstatSync(path).mode)
  for (const path of opened) chmodSync(path, 0o777)

  const { error, heard } = await helloAsNobody(run.rendezvous)

  opened.forEach((path, i) => void chmodSync(path, modes[i] ?? 0))
  // Refused before its hello is out, it may find the channel closed already.
  expect([undefined, 'EPIPE', 'ECONNRESET']).toContain(error)
  // It learns that it is refused, at most: no manifest, no descriptor.
  if (heard) {
    const { type, payload } = parseFrame(heard)
    expect([type, payload.code]).toEqual([REFUSE, 'ERR_HANDOFF_PEER_DENIED'])
  }
  expect((await send(run.target, { path: '/' })).kind).toBe('ok')
  await run.reloadWell()
  await run.stop()
})

/** Says hello as another user, and tells what came of it. */
async function helloAsNobody(path: string): Promise<{ error?: string; heard?: Buffer }> {
  const client = `
    const socket = require('node:net').connect(process.argv[1])
    socket.on('connect', () => socket.write(Buffer.from(process.argv[2], 'hex')))
    socket.on('data', (data) => console.log('heard', data.toString('hex')))
    socket.on('error', (error) => console.log('error', error.code))
  `
  const hello = frame(HELLO, { versions: [1], pid: 1 }).toString('hex')
  const child = spawn(process.execPath, ['-e', client, path, hello], {
    uid: NOBODY,
    gid: NOBODY,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const output = new Output().collect(child.stdout)
  await once(child, 'close')
  const [what, value = ''] = `${output}`.split(/\s/)
  if (what === 'error') return { error: value }
  return what === 'heard' ? { heard: Buffer.from(value, 'hex') } : {}
}

interface Obstacle {
  obstacle: string
  put: (path: string) => void | Promise<void>
}

const obstacles: Obstacle[] = [
  { obstacle: 'a regular file', put: (path) => writeFileSync(path, 'precious') },
  { obstacle: 'a symbolic link', put: (path) => symlinkSync('/dev/null', path) },
]

test.each(obstacles)('$obstacle in its place is refused and left alone', expectRefused)

asRoot.each<Obstacle>([
  {
    obstacle: 'a socket of another user',
    put: async (path) => {
      const server = createServer().listen(path)
      await once(server, 'listening')
      onTestFinished(() => void server.close())
      chownSync(path, NOBODY, NOBODY)
    },
  },
  {
    obstacle: 'a directory of another user',
    put: (path) => chownSync(dirname(path), NOBODY, NOBODY),
  },
])('$obstacle in its place is refused and left alone (needs root)', expectRefused)

test.each<Obstacle>([
  {
    obstacle: 'a directory that others may write to',
    put: (path) => chmodSync(dirname(path), 0o777),
  },
])('$obstacle is refused and left alone', expectRefused)

async function expectRefused({ put }: Obstacle): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'handoff-rendezvous-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'rendezvous.sock')
  await put(path)
  const before = lstatSync(path, { throwIfNoEntry: false })

  const entry = fileURLToPath(new URL('../../fixtures/rendezvous-server.mjs', import.meta.url))
  const child = spawn(process.execPath, [entry, path], { stdio: ['ignore', 'pipe', 'pipe'] })
  const output = new Output().collect(child.stdout).collect(child.stderr)
  const [exitCode] = await once(child, 'close')

  expect(`${output}`).toMatch(/^refused ERR_HANDOFF_RENDEZVOUS_UNSAFE: cannot use the rendezvous/)
  expect(exitCode).toBe(1)
  expect(lstatSync(path, { throwIfNoEntry: false })?.ino).toBe(before?.ino)
}
