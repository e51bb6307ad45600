// Where a process and its children listen, by the kernel's own word.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { listeningChildren, listeningPorts } from '../../packages/handoff/src/io/listening-ports.ts'

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

test('of a process that is not there: none', () => {
  expect(listeningPorts(2 ** 22)).toEqual([])
  expect(listeningChildren(2 ** 22)).toEqual([])
})
