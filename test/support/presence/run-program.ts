// Runs a small program under plain Node.js, under the preload, or as a supervisor would start it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { freePort } from '../free-port.ts'

/** `plain`: no preload. `preload`: `--import …/register`. `supervised`: as `handoff run` starts it. */
export type Mode = 'plain' | 'preload' | 'supervised'

/** What anybody outside of the program can see of it. */
export interface Outcome {
  /** The exit code or the signal; `hangs` where it had to be killed. */
  readonly end: number | string
  readonly stdout: string
  readonly stderr: string
}

const built = (path: string) =>
  fileURLToPath(new URL(`../../../packages/handoff/dist/${path}`, import.meta.url))

const preloads: Readonly<Record<Mode, readonly string[]>> = {
  plain: [],
  preload: ['--import', built('register.js')],
  supervised: ['--import', built('preload/report-exception.js'), '--import', built('register.js')],
}

/** How many ports a program may listen on: `PORT`, `PORT2`, `PORT3`. */
const portNames = ['PORT', 'PORT2', 'PORT3']

/** A program that takes longer hangs, in milliseconds. */
const longestMs = 30_000

/**
 * Runs a program to its end, in an empty directory and with free ports of its own.
 *
 * @param file - a program that may begin with comments for us: `// flags: …` for flags of Node.js;
 * `// signal: NAME after WORD` to get a signal when it has printed a line that begins so.
 * @param notifySocket - where a supervised program reports to.
 * @returns the outcome, in which ports, paths and pids have names in place of their values; without addresses
 * of code in memory.
 */
export async function runProgram(file: string, mode: Mode, notifySocket: string): Promise<Outcome> {
  const source = readFileSync(file, 'utf8')
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'handoff-presence-')))
  chmodSync(directory, 0o755)
  const runs = realpathSync(mkdtempSync(join(tmpdir(), 'handoff-presence-')))
  try {
    const ports = await Promise.all(portNames.map(() => portOfOnesOwn()))
    const child = spawn(process.execPath, [...preloads[mode], ...flagsOf(source), file], {
      cwd: directory,
      env: {
        ...withoutOurs(process.env),
        ...Object.fromEntries(portNames.map((name, i) => [name, String(ports[i])])),
        HANDOFF_DIR: runs,
        ...(mode === 'supervised' && supervision(runs, notifySocket)),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const deadline = setTimeout(() => child.kill('SIGKILL'), longestMs)
    const [, signal, word] = /^\/\/ signal: (\w+) after (.*)$/m.exec(source) ?? []
    if (signal !== undefined) {
      child.stdout.once('data', function look(this: void, chunk: unknown) {
        if (`${chunk}`.startsWith(word ?? '')) child.kill(signal as NodeJS.Signals)
        else child.stdout.once('data', look)
      })
    }
    const [stdout, stderr, [code, by]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ])
    clearTimeout(deadline)
    const name = (output: string) => nameValues(output, { ports, directory, pid: child.pid, file })
    const end = by === 'SIGKILL' ? 'hangs' : ((code ?? by) as number | string)
    return { end, stdout: name(stdout), stderr: withoutLoader(name(stderr)) }
  } finally {
    rmSync(directory, { recursive: true, force: true })
    rmSync(runs, { recursive: true, force: true })
  }
}

const given = new Set<number>()

/** A free port that no other program of this test has had. */
async function portOfOnesOwn(): Promise<number> {
  for (;;) {
    const port = await freePort()
    if (given.has(port)) continue
    given.add(port)
    return port
  }
}

function flagsOf(source: string): string[] {
  return /^\/\/ flags: (.*)$/m.exec(source)?.[1]?.split(' ') ?? []
}

/** As supervisor/program/environment.ts has it. */
function supervision(runs: string, notifySocket: string): NodeJS.ProcessEnv {
  return {
    HANDOFF_WORKER: '1',
    HANDOFF_RENDEZVOUS: join(runs, 'rendezvous.sock'),
    HANDOFF_GENERATION: '1',
    HANDOFF_STATUS_INTERVAL_MS: '1000',
    NOTIFY_SOCKET: notifySocket,
  }
}

function withoutOurs(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const foreign = /^(HANDOFF_|VITEST|NODE_OPTIONS|NODE_ENV|FORCE_COLOR|TEST|DEV|PROD|MODE|SSR)/
  return Object.fromEntries(Object.entries(env).filter(([name]) => !foreign.test(name)))
}

interface Values {
  readonly ports: readonly number[]
  readonly directory: string
  readonly pid: number | undefined
  readonly file: string
}

function nameValues(output: string, { ports, directory, pid, file }: Values): string {
  let named = output.replaceAll(file, '<program>').replaceAll(directory, '<directory>')
  ports.forEach((port, i) => {
    named = named.replaceAll(new RegExp(`\\b${port}\\b`, 'g'), `<${portNames[i]}>`)
  })
  const withoutAddresses = named.replaceAll(/^ *\d+: 0x[0-9a-f]+ .*\n/gm, '')
  // A line of a stack may have the same number (node:net:1951:10); a warning begins with (node:1951).
  const pids = new RegExp(`(?<=\\(node:)${pid}(?=\\))|(?<![:\\w])${pid}\\b`, 'g')
  return withoutAddresses.replaceAll(pids, '<pid>')
}

/**
 * How Node.js came to run the entry: any `--import` makes that asynchronous, and lets the frames
 * below the entry's own be others.
 */
function withoutLoader(stderr: string): string {
  return stderr
    .split('\n')
    .filter(
      (line) =>
        !/^ +at .*node:(internal\/(modules|main|process\/esm|process\/exec)|diagnostics)/.test(
          line,
        ),
    )
    .join('\n')
}
