// Starts the processes of this directory at a rendezvous path of the test's own.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFailed, onTestFinished } from 'vitest'
import { Output } from '../support/output.ts'

/** Where the interpreter is; a version manager's shim in its place is slow to start. */
const python =
  process.platform === 'linux'
    ? spawnSync('python3', [
        '-c',
        'import sys; sys.version_info < (3, 10) or print(sys.executable)',
      ])
        .stdout?.toString()
        .trim()
    : ''

/** Whether this machine can run the Python processes: they use `match` and SO_PEERCRED. */
export const hasPython = Boolean(python)

export class Peer {
  readonly output = new Output()
  readonly process: ChildProcess
  readonly pid: number | undefined
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>

  constructor(command: readonly string[], env: NodeJS.ProcessEnv) {
    const [file = '', ...args] = command
    const { HANDOFF_RENDEZVOUS: _, ...inherited } = process.env
    this.process = spawn(file, args, {
      env: { ...inherited, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.pid = this.process.pid
    if (this.process.stdout) this.output.collect(this.process.stdout)
    if (this.process.stderr) this.output.collect(this.process.stderr, '! ')
    this.ended = once(this.process, 'close').then(([code, signal]) => {
      this.output.end()
      return code ?? signal
    })
  }
}

/** The processes of one test, all at one rendezvous path; none outlives it. */
export class Peers {
  readonly #directory = mkdtempSync(join(tmpdir(), 'handoff-peers-'))
  readonly #rendezvous = join(this.#directory, 'rendezvous.sock')
  readonly #peers: Peer[] = []

  constructor() {
    onTestFailed(() => {
      for (const { pid, output } of this.#peers) console.error(`output of ${pid}:\n${output}`)
    })
    onTestFinished(() => this.#remove())
  }

  /** A Node process; `listeners` is the number of its ports. */
  node(listeners = 1): Peer {
    const entry = file('node_process.mjs')
    return this.#start([process.execPath, entry, this.#rendezvous, `${listeners}`], {})
  }

  /** A Python process; -B: it leaves no compiled files. */
  python(name: string, ...args: string[]): Peer {
    return this.#start([`${python}`, '-B', file(name), ...args], {
      HANDOFF_RENDEZVOUS: this.#rendezvous,
    })
  }

  #start(command: readonly string[], env: NodeJS.ProcessEnv): Peer {
    const peer = new Peer(command, env)
    this.#peers.push(peer)
    return peer
  }

  async #remove(): Promise<void> {
    for (const { process } of this.#peers) process.kill('SIGKILL')
    for (const { ended } of this.#peers) await ended
    rmSync(this.#directory, { recursive: true })
  }
}

/** What a Node process says when it serves: its generation and its ports. */
export async function serving({ output }: Peer): Promise<{ generation: number; ports: number[] }> {
  const [, generation, ports = ''] = await output.waitFor(/^listening \d+ (\d+) (\S+)/)
  return { generation: Number(generation), ports: ports.split(',').map(Number) }
}

function file(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}
