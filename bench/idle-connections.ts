// Thousands of idle keep-alive connections change process: how long it takes, and who waits for it.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { HandoffEvent } from 'socket-handoff'
import { descriptorLimit, machine, mainThreadMs } from './machine.ts'

const count = Number(process.env.CONNECTIONS ?? 10_000)
const rounds = Number(process.env.HANDOFFS ?? 3)
/** How long the busy client waits between two requests: without a pause it takes a core's half. */
const thinkMs = Number(process.env.THINK_MS ?? 0)
/** Flags of Node.js for the servers, such as `--cpu-prof`. */
const flags = process.env.FLAGS?.split(' ') ?? []
const host = '127.0.0.1'
/**
 * Ports of one source address are few, and those of a run before are not free for a minute
 * (TIME_WAIT): this many connections each, and other addresses in each run.
 */
const perAddress = 5_000
const network = `127.${1 + (process.pid % 250)}`

const server = fileURLToPath(new URL('idle-server.ts', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'handoff-bench-'))

/** A generation, and what it tells. */
class Generation {
  readonly child: ChildProcess
  readonly events: HandoffEvent[] = []
  readonly exited: Promise<unknown>
  port = 0
  #gone = false
  #waiting: (() => void)[] = []

  constructor() {
    const args = [...flags, '--import', 'tsx', server, join(directory, 'r.sock')]
    this.child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.exited = once(this.child, 'close')
    this.child.once('close', () => {
      this.#gone = true
      this.#wake()
    })
    if (this.child.stdout === null) throw new Error('no output to read')
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      const message = JSON.parse(line)
      if (message.port === undefined) this.events.push(message)
      else this.port = message.port
      this.#wake()
    })
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  async until<T>(find: () => T | undefined): Promise<T> {
    for (;;) {
      const found = find()
      if (found !== undefined) return found
      if (this.#gone) throw new Error(`server ${this.child.pid} ended before it told that`)
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  told(type: HandoffEvent['type'], stage?: string): Promise<HandoffEvent> {
    return this.until(() =>
      this.events.find(
        (e) => e.type === type && (stage === undefined || ('stage' in e && e.stage === stage)),
      ),
    )
  }
}

/** Opens connections and makes one request on each, a few hundred at a time. */
async function open(port: number): Promise<net.Socket[]> {
  const sockets: net.Socket[] = []
  for (let begun = 0; begun < count; begun += 200) {
    const batch = Array.from({ length: Math.min(200, count - begun) }, (_, index) => {
      const localAddress = `${network}.0.${1 + Math.floor((begun + index) / perAddress)}`
      return net.connect({ host, port, localAddress })
    })
    await Promise.all(batch.map((socket) => once(socket, 'connect')))
    await Promise.all(batch.map(ask))
    sockets.push(...batch)
  }
  return sockets
}

/** One request; resolves with the generation that answered, rejects when the connection ends. */
function ask(socket: net.Socket): Promise<number> {
  return new Promise((resolve, reject) => {
    const onEnd = () => reject(new Error('the connection was closed'))
    socket.once('close', onEnd)
    socket.once('data', (data) => {
      socket.off('close', onEnd)
      resolve(Number(/generation (\d+)/.exec(data.toString())?.[1]))
    })
    socket.write('GET / HTTP/1.1\r\nHost: bench\r\n\r\n')
  })
}

interface Waits {
  /** The longest wait, in milliseconds, of those that fell into a span of time. */
  longest(from: number, to: number): number
}

/** Asks on one connection, without pause unless it is told to, and notes each wait. */
function probe(port: number): { stop(): Promise<Waits> } {
  const waits: { from: number; to: number }[] = []
  let stopped = false
  const done = (async () => {
    const socket = net.connect({ host, port })
    await once(socket, 'connect')
    while (!stopped) {
      const from = performance.now()
      await ask(socket)
      waits.push({ from, to: performance.now() })
      if (thinkMs > 0) await pause(thinkMs)
    }
    socket.destroy()
  })()
  return {
    async stop() {
      stopped = true
      await done
      return {
        longest: (from, to) =>
          waits
            .filter((wait) => wait.to >= from && wait.from <= to)
            .reduce((longest, wait) => Math.max(longest, wait.to - wait.from), 0),
      }
    },
  }
}

function threadOf({ child }: Generation): { ran: number; waited: number } {
  return mainThreadMs(child.pid as number)
}

console.log(machine())
if (count > descriptorLimit() - 500) {
  console.error(
    `cannot open ${count} connections: a process may have ${descriptorLimit()} descriptors here. Raise the limit (ulimit -n ${2 * count + 1000}).`,
  )
  process.exit(1)
}
if (2 * count > descriptorLimit() - 500) {
  console.log(
    `the limit of ${descriptorLimit()} descriptors is below two for each connection: they go over as others are dropped`,
  )
}
let old = new Generation()
await old.told('serving')
const sockets = await open(await old.until(() => old.port || undefined))
console.log(`${sockets.length} idle connections`)
try {
  for (let round = 1; round <= rounds; round++) {
    const waiting = probe(old.port)
    const start = performance.now()
    const next = new Generation()
    const began = await old.told('stage', 'drain')
    const committed = performance.now()
    const before = [old, next].map(threadOf)
    const ended = await old.told('drained')
    const moved = performance.now()
    const after = [old, next].map(threadOf)
    await next.told('serving')
    const waits = await waiting.stop()
    const generations = new Set(await Promise.all(sockets.map(ask)))
    const spent = after.map(({ ran, waited }, index) => {
      const { ran: ranBefore = 0, waited: waitedBefore = 0 } = before[index] ?? {}
      return `${(ran - ranBefore).toFixed(0)} ms (and waited ${(waited - waitedBefore).toFixed(0)} ms for one)`
    })
    const ms = (ended.elapsedMs - began.elapsedMs).toFixed(0)
    console.log(
      `handoff ${round}: ${ms} ms from commit to the last ack; a busy client waited at most ` +
        `${waits.longest(committed, moved).toFixed(0)} ms meanwhile, and ` +
        `${waits.longest(start, committed).toFixed(0)} ms while the new process started; ` +
        `all ${sockets.length} answered by generation ${[...generations].join(', ')}`,
    )
    console.log(`  processor time: old ${spent[0]}, new ${spent[1]}`)
    await old.exited
    old = next
  }
} finally {
  for (const socket of sockets) socket.destroy()
  old.child.kill('SIGTERM')
  await old.exited
  rmSync(directory, { recursive: true, force: true })
}
