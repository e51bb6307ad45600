// `npm start`: replaces the example server several times under load; then it is yours to edit.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Load } from './load.ts'

const handoffs = 5
/** Requests between two handoffs, so that each happens under load. */
const requestsBetween = 150
const port = Number(process.env.PORT ?? 3000)
const url = `http://localhost:${port}/`
const name = 'example-hot-reload'
const onlyOnce = process.argv.includes('--once')

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const cli = here('../../packages/handoff/dist/cli/main.js')

interface Result {
  type: string
  ok?: boolean
  /** Milliseconds since the command was given. */
  atMs: number
  /** The same, when the new generation served. */
  servesAfterMs?: number
  generation?: number
  message?: string
}

function handoff(...args: string[]): ChildProcess {
  return spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
}

/**
 * Starts the server.
 *
 * @returns its supervisor, once it answers.
 */
async function startServer(): Promise<ChildProcess> {
  const run = handoff('run', '--watch', '--name', name, here('server.ts'))
  const output: string[] = []
  const serving = new Promise<void>((resolve) => {
    lines(run, (line) => {
      output.push(`${line}\n`)
      if (/ serves on /.test(line)) resolve()
    })
  })
  const exited = once(run, 'exit').then(() => {
    throw new Error(`the server did not start:\n${output.join('')}`)
  })
  // After a successful start its exit is expected.
  exited.catch(() => {})
  await Promise.race([serving, exited])
  return run
}

/** Calls `onLine` with each line of both streams. */
function lines(child: ChildProcess, onLine: (line: string) => void): void {
  for (const input of [child.stdout, child.stderr]) {
    if (input !== null) createInterface({ input }).on('line', onLine)
  }
}

/** Replaces the server once; resolves with the result of the command. */
async function reload(): Promise<Result> {
  const command = handoff('reload', '--json', name)
  let result: Result = { type: 'result', ok: false, atMs: 0, message: 'it said nothing' }
  lines(command, (line) => {
    // Output that is not JSON is the reason of a failure.
    if (!line.startsWith('{')) result = { ...result, message: line }
    else if (line.includes('"type":"result"')) result = JSON.parse(line) as Result
  })
  await once(command, 'close')
  return result
}

/** Resolves when so many more requests have been answered. */
async function more(load: Load, requests: number): Promise<void> {
  const enough = load.requests + requests
  while (load.requests < enough) await load.next()
}

async function main(): Promise<number> {
  const run = await startServer()
  console.log(`generation 1 serves its page at ${url}\n`)
  // Ctrl-C reaches the supervisor as well, and it ends the server gracefully.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => run.kill('SIGTERM'))

  const load = new Load(`${url}hello`)
  load.start()
  let aborted = 0
  for (let count = 1; count <= handoffs; count++) {
    await more(load, requestsBetween)
    const { ok, generation, atMs, servesAfterMs = atMs, message } = await reload()
    if (!ok) aborted += 1
    const outcome = ok ? `generation ${generation} serves` : `aborted: ${message}`
    const ms = `${Math.round(servesAfterMs)} ms`.padStart(7)
    console.log(`handoff ${count}  ${ms}  ${outcome}  (${load.tally})`)
  }
  await more(load, requestsBetween)
  await load.stop()
  const well = load.failed === 0 && aborted === 0
  console.log(`\n${load.tally}, ${handoffs - aborted} handoffs`)
  if (load.failed > 0) console.log(`first failure: ${load.firstFailure}`)

  if (onlyOnce) {
    run.kill('SIGTERM')
    await once(run, 'exit')
    return well ? 0 : 1
  }
  console.log(`
The server goes on. Open its page, ${url}
Then edit examples/hot-reload/server.ts: the page shows the new code over the connections it has,
as does curl ${url}hello. Ctrl-C ends it.
`)
  lines(run, (line) => console.log(line))
  const [code] = await once(run, 'exit')
  return well && code === 0 ? 0 : 1
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: Error) => {
    console.error(error.message)
    process.exitCode = 1
  },
)
