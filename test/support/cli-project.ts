// A project in a directory of its own, with the command `handoff` run in it as an operator would.

import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFailed, onTestFinished } from 'vitest'
import type { Status } from '../../packages/handoff/src/supervisor/registry/run-status.ts'
import { Output } from './output.ts'
import { alive, gone, startedWith } from './process-facts.ts'
import { readStatus } from './status.ts'

const repository = fileURLToPath(new URL('../..', import.meta.url))

export const main = join(repository, 'packages/handoff/dist/cli/main.js')

/** Marks every process of a project, orphans too; HANDOFF_… would be taken from generations. */
const MARK = 'TEST_PROJECT_ID'

/**
 * A server that answers with `reply`, at `/slow` after a time; it prints `listening PID PORT`, and
 * `asked` when it has been asked for `/slow`.
 */
export function serverReplying(reply: string, slowMs = 60_000): string {
  return `
    import http from 'node:http'
    import { createHandoff } from 'socket-handoff'
    const handoff = await createHandoff()
    const server = http.createServer((request, response) => {
      const slow = request.url === '/slow'
      if (slow) console.log('asked')
      setTimeout(() => response.end(${JSON.stringify(reply)}), slow ? ${slowMs} : 0)
    })
    await handoff.listen(server, { host: '127.0.0.1', port: 0 })
    await handoff.ready()
    console.log('listening', process.pid, server.address().port)
  `
}

/** Code of a server that prints `WORD PID`, and then waits for a file in its working directory. */
export function untilFile(name: string, word: string): string {
  return `
    console.log(${JSON.stringify(word)}, process.pid)
    await import('node:fs').then(async ({ existsSync, watch }) => {
      const watcher = watch('.')
      while (!existsSync(${JSON.stringify(name)})) {
        await new Promise((resolve) => watcher.once('change', resolve))
      }
      watcher.close()
    })`
}

/** A command that has ended. */
export interface Ended {
  exitCode: number | null
  stdout: string
  stderr: string
}

/** Makes a project with these files, removed with all its processes when the test ends. */
export function makeProject(files: Record<string, string>): Project {
  const project = new Project()
  for (const [path, text] of Object.entries(files)) project.write(path, text)
  onTestFinished(() => project.remove())
  return project
}

export class Project {
  /** Where the files are, and the working directory of the commands. */
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), 'handoff-cli-')))
  readonly runs = join(this.path, '.runs')
  readonly env: NodeJS.ProcessEnv
  readonly #mark = randomUUID()

  constructor() {
    mkdirSync(this.runs, { mode: 0o700 })
    symlinkSync(join(repository, 'node_modules'), join(this.path, 'node_modules'))
    this.env = { ...process.env, HANDOFF_DIR: this.runs, NO_COLOR: '1', [MARK]: this.#mark }
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.path, path)), { recursive: true })
    writeFileSync(join(this.path, path), text)
  }

  /** Starts `handoff run ARGS…`. */
  run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Run {
    const run = new Run(this.spawn(['run', ...args], env))
    onTestFailed(() => console.error(`output of handoff run ${args.join(' ')}:\n${run.output}`))
    return run
  }

  spawn(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    return spawn(process.execPath, [main, ...args], {
      cwd: this.path,
      env: { ...this.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }

  /** Runs `handoff ARGS…` to its end. */
  async handoff(...args: string[]): Promise<Ended> {
    const child = this.spawn(args)
    const stdout = new Output()
    const stderr = new Output()
    if (child.stdout) stdout.collect(child.stdout)
    if (child.stderr) stderr.collect(child.stderr)
    const [exitCode] = await once(child, 'close')
    return { exitCode, stdout: `${stdout}`, stderr: `${stderr}` }
  }

  /** How the run of this name stands. */
  async status(name: string): Promise<Status> {
    return await readStatus(join(this.runs, name))
  }

  /** Every living process that was started in this project. */
  processes(): number[] {
    return startedWith(MARK, this.#mark)
  }

  async remove(): Promise<void> {
    for (const pid of this.processes()) {
      if (alive(pid)) process.kill(pid, 'SIGKILL')
      await gone(pid)
    }
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** A supervisor in the foreground. */
export class Run {
  readonly child: ChildProcess
  /** What it and its server print; lines of stderr begin with `! `. */
  readonly output = new Output()
  readonly #closed: Promise<unknown[]>
  /** Up to where the lines of the supervisor, and those of the server, have been waited for. */
  readonly #read = { supervisor: 0, server: 0 }

  constructor(child: ChildProcess) {
    this.child = child
    if (child.stdout) this.output.collect(child.stdout)
    if (child.stderr) this.output.collect(child.stderr, '! ')
    this.#closed = once(child, 'exit').finally(() => this.output.end())
  }

  get pid(): number {
    return this.child.pid as number
  }

  /** Waits for the next line of the supervisor that matches, after the one before. */
  says(text: RegExp): Promise<RegExpExecArray> {
    return this.#next('supervisor', new RegExp(`^! .*(?:${text.source})`))
  }

  /** Waits for the next line of the server that matches, after the one before. */
  prints(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#next('server', pattern)
  }

  /** Waits for the next server that listens, and for its supervisor to report that it serves. */
  async listens(): Promise<{ pid: number; port: number }> {
    const server = await this.listensAlone()
    await this.output.waitFor(new RegExp(`^! .*pid\\W+${server.pid}\\b`))
    return server
  }

  /** Waits for the next server that listens. Its supervisor, if any, may not know that yet. */
  async listensAlone(): Promise<{ pid: number; port: number }> {
    const [, pid, port] = await this.prints(/^listening (\d+) (\d+)/)
    return { pid: Number(pid), port: Number(port) }
  }

  /** Two streams: what one of them says comes in no order with what the other does. */
  async #next(from: 'supervisor' | 'server', pattern: RegExp): Promise<RegExpExecArray> {
    const match = await this.output.waitFor(pattern, { from: this.#read[from] })
    this.#read[from] = this.output.lines.indexOf(match.input, this.#read[from]) + 1
    return match
  }

  /** The exit code, or the signal, once it has ended. */
  async ended(): Promise<unknown> {
    const [code, signal] = await this.#closed
    return code ?? signal
  }
}

/** What the server says on a connection of its own. */
export async function ask(port: number, path = '/'): Promise<string> {
  const request = http.get({ host: '127.0.0.1', port, path, agent: false })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return text
}
