// Which system calls of the native core the emulator has.

import { execFileSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Runs under the other Node.js and prints one word for each feature. */
const program = `
import { once } from 'node:events'
import net from 'node:net'
import fs from 'node:fs'
const addon = { exports: {} }
process.dlopen(addon, process.argv[2])
const core = addon.exports
const pair = new Int32Array(2)
core.socketPair(1, pair)
const [left, right] = pair

const sent = core.send(left, Buffer.from('x'), Int32Array.of(0))
const received = new Int32Array(253)
const facts = new Int32Array(16)
const bytes = core.receive(right, Buffer.alloc(16), received, facts)
const credentials = new Int32Array(3)
const hasCredentials = core.peerCredentials(left, credentials) === 0 && credentials[0] === process.pid

const set = core.openReadiness()
core.addToReadiness(set, Int32Array.of(right))
core.send(left, Buffer.from('y'), new Int32Array(0))
const ready = new Int32Array(4)

const process_ = core.openProcess(process.pid)
const server = net.createServer().listen(0, '127.0.0.1')
await once(server, 'listening')
const client = net.connect(server.address().port, '127.0.0.1')
await once(client, 'connect')
const progress = new Float64Array(2).fill(-1)
core.readProgress(Int32Array.of(client._handle.fd), progress)

const features = {
  SCM_RIGHTS: sent === 1 && bytes === 1,
  SO_PEERCRED: hasCredentials,
  epoll: core.takeReady(set, ready) === 1,
  pidfd: process_ >= 0 && core.signalProcess(process_, 0) === 0,
  TCP_INFO: progress[0] >= 0,
}
console.log(Object.entries(features).map(([name, has]) => name + (has ? '' : ' missing')).join(', '))
process.exit()
`

/** @returns the features in one line. */
export function probe(node: string, project: string): string {
  const prebuilds = join(project, 'node_modules/socket-handoff/prebuilds/linux-arm64')
  const [addon = ''] = readdirSync(prebuilds)
  writeFileSync(join(project, 'probe.mjs'), program)
  const args = [join(project, 'probe.mjs'), join(prebuilds, addon)]
  return execFileSync(node, args, { encoding: 'utf8' }).trim()
}
