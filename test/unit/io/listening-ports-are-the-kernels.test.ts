// Where a process and its children listen, by the kernel's own word.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import {
  isEphemeral,
  listeningChildren,
  listeningInSession,
  listeningPorts,
} from '../../../packages/handoff/src/io/listeners/listening-ports.ts'

const onLinux = test.runIf(process.platform === 'linux')

onLinux('of this process', async () => {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  expect(listeningPorts(process.pid)).toContain(port)
  await new Promise((resolve) => server.close(resolve))
  expect(listeningPorts(process.pid)).not.toContain(port)
})

onLinux('of a child', async () => {
  const script =
    "require('net').createServer().listen(0, function () { console.log(this.address().port) })"
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = await once(child.stdout, 'data')
  const found = listeningChildren(process.pid).find(({ pid }) => pid === child.pid)
  expect(found?.ports).toEqual([Number(line)])
  expect(found?.command).toEqual([process.execPath, '-e', script])
})

onLinux('of a session, without its leader', async () => {
  const script = `
    const listen = "require('net').createServer().listen(0, () => console.log(process.pid))"
    require('child_process').spawn(process.execPath, ['-e', listen], { stdio: 'inherit' })
    require('net').createServer().listen(0)`
  const leader = spawn(process.execPath, ['-e', script], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void process.kill(-(leader.pid as number), 'SIGKILL'))
  const [line] = await once(leader.stdout, 'data')
  const found = listeningInSession(leader.pid as number)
  expect(found.map(({ pid }) => pid)).toEqual([Number(line)])
  expect(found[0]?.ports).toHaveLength(1)
  expect(found[0]?.ports.every(isEphemeral)).toBe(true)
})

test('a port that a program chooses is not one of the kernel’s', () => {
  expect(isEphemeral(80)).toBe(false)
})

test('of a process that is not there: none', () => {
  expect(listeningPorts(2 ** 22)).toEqual([])
  expect(listeningChildren(2 ** 22)).toEqual([])
})
