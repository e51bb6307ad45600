// The reference scenario: a child makes a file and sends its descriptor; the parent reads it.

import { execFileSync, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Channel, type Received } from 'socket-handoff/channel'
import { expect, onTestFinished, test } from 'vitest'
import { Output } from '../../support/output.ts'
import { hasProc } from '../../support/process-facts.ts'
import { openFiles, scratchDirectory } from '../../support/scratch.ts'

const HELLO = 'Hello from child process!\n'
const WITHIN_MS = 5_000

const peer = (name: string) =>
  fileURLToPath(new URL(`../../peers/channel-${name}`, import.meta.url))
const available = (command: string, ...args: string[]) => spawnSync(command, args).status === 0
const hasPython = available('python3', '-c', 'import socket; socket.send_fds')
const hasGo = available('go', 'version')

const nobody = { uid: 65_534, gid: 65_534 }
// Only root may change the user, and that user must be able to read this directory.
const nobodyCanRun =
  process.getuid?.() === 0 &&
  spawnSync(process.execPath, ['--check', peer('child.mjs')], nobody).status === 0

/** Starts a child with one end of a pair as its descriptor 3, and expects the file on the other. */
async function expectsTheFile(command: string, args: string[], options: SpawnOptions = {}) {
  const [here, there] = Channel.pair()
  const child = spawn(command, args, {
    ...options,
    stdio: ['ignore', 'inherit', 'inherit', there.fd],
  })
  there.close()
  const exit = once(child, 'exit')
  const deadline = setTimeout(() => here.close(), WITHIN_MS)
  onTestFinished(() => {
    clearTimeout(deadline)
    here.close()
    child.kill('SIGKILL')
  })

  const messages: Received[] = []
  for await (const message of here) messages.push(message)

  expect(await exit).toEqual([0, null])
  expect(messages).toHaveLength(1)
  const [{ data, fds, credentials }] = messages as [Received]
  expect(data.toString()).toBe('x')
  expect(fds).toHaveLength(1)
  const [file] = fds as [number]
  expect(readFileSync(file, 'utf8')).toBe(HELLO)
  closeSync(file)

  if (!hasProc) return // the system does not tell who sent it
  const { uid = process.getuid?.(), gid = process.getgid?.() } = options
  expect(credentials).toEqual({ pid: child.pid, uid, gid })
}

test('Node child, Node parent', async () => {
  await expectsTheFile(process.execPath, [peer('child.mjs')])
})

test.runIf(nobodyCanRun)('Node child of another user, Node parent', async () => {
  await expectsTheFile(process.execPath, [peer('child.mjs')], nobody)
})

test.skipIf(!hasPython)(`Python child, Node parent${or(hasPython, 'python3')}`, async () => {
  await expectsTheFile('python3', [peer('child.py')])
})

test.skipIf(!hasPython)(`Node child, Python parent${or(hasPython, 'python3')}`, () => {
  const command = [peer('parent.py'), process.execPath, peer('child.mjs')]
  expect(JSON.parse(execFileSync('python3', command, { encoding: 'utf8' }))).toEqual({
    data: 'x',
    descriptors: 1,
    truncated: false,
    text: HELLO,
    after: '',
    laterDescriptors: 0,
    exitCode: 0,
  })
})

test.skipIf(!hasPython)(`Node parent sends, Python child${or(hasPython, 'python3')}`, async () => {
  const [here, there] = Channel.pair()
  const child = spawn('python3', [peer('receiver.py')], {
    stdio: ['ignore', 'pipe', 'inherit', there.fd],
  })
  there.close()
  const output = new Output()
  if (child.stdout) output.collect(child.stdout)
  // Credentials that nobody asked for would take the room of the descriptor.
  await here.send(Buffer.from('x'), openFiles(1))
  await output.waitFor(/^x 0$/, { deadlineMs: WITHIN_MS })
  here.close()
})

test.skipIf(!hasGo)(`Go child, Node parent${or(hasGo, 'go')}`, async () => {
  const program = join(scratchDirectory(), 'child')
  execFileSync('go', ['build', '-o', program, peer('child.go')], { stdio: 'inherit' })
  await expectsTheFile(program, [])
})

/** What the report says beside a test that this machine cannot run. */
function or(available: boolean, command: string): string {
  return available ? '' : ` (skipped: there is no usable ${command} on the PATH)`
}
