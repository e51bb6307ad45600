// What bench/idle-connections.ts is to be compared with: other ways to pass as many connections.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { machine, median } from './machine.ts'

const count = Number(process.env.CONNECTIONS ?? 10_000)
const rounds = Number(process.env.ROUNDS ?? 3)
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** A C program that does nothing else: the floor. */
function inC(program: string): number {
  return Number(execFileSync(program, [String(count)], { encoding: 'utf8' }))
}

/** Node's own `child.send(message, socket)`. */
async function byChildSend(): Promise<number> {
  const parent = spawn(process.execPath, [here('child-send.mjs'), String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: parent.stdout })[Symbol.asyncIterator]()
  const next = async () => Number((await lines.next()).value)
  const port = await next()
  const sockets: net.Socket[] = []
  for (let begun = 0; begun < count; begun += 200) {
    const batch = Array.from({ length: Math.min(200, count - begun) }, () => net.connect(port))
    await Promise.all(batch.map((socket) => once(socket, 'connect')))
    for (const socket of batch) socket.on('error', () => {}) // Reset when both processes end.
    sockets.push(...batch)
  }
  const ms = await next()
  for (const socket of sockets) socket.destroy()
  return ms
}

console.log(machine())
const directory = mkdtempSync(join(tmpdir(), 'handoff-bench-'))
try {
  const program = join(directory, 'pass-descriptors')
  execFileSync(process.env.CC ?? 'cc', ['-O2', here('pass-descriptors.c'), '-o', program])
  const figures = { c: [] as number[], send: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    figures.c.push(inC(program))
    figures.send.push(await byChildSend())
  }
  console.log(`${count} connections, median of ${rounds}:`)
  console.log(`  a plain C program, acked: ${median(figures.c).toFixed(0)} ms`)
  console.log(`  child.send(message, socket): ${median(figures.send).toFixed(0)} ms`)
} finally {
  rmSync(directory, { recursive: true, force: true })
}
