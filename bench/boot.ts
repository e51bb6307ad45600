// What it costs a process to load us: processor time over a bare Node.js, and what is loaded.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../test/support/free-port.ts'
import { machine, median } from './machine.ts'

const PAIRS = Number(process.env.PAIRS ?? 15)
/** How much more a process that only loads us may cost than a bare one, in processor times of the bare one. */
const AIM = 0.8

const directory = mkdtempSync(join(tmpdir(), 'handoff-boot-'))
const dist = (path: string) =>
  fileURLToPath(new URL(`../packages/handoff/dist/${path}`, import.meta.url))

const empty = program('empty.mjs', '')
const server = program(
  'server.mjs',
  `import http from 'node:http'
  const server = http.createServer().listen(process.env.PORT, '127.0.0.1', () => server.close())`,
)
// Scripts of a process, by the word of V8's debugger.
const loaded = program(
  'loaded.mjs',
  `import { writeSync } from 'node:fs'
  import { Session } from 'node:inspector'
  process.on('exit', () => {
    const scripts = []
    const session = new Session()
    session.connect()
    session.on('Debugger.scriptParsed', ({ params }) => scripts.push(params))
    session.post('Debugger.enable')
    const builtins = process.moduleLoadList.filter((name) => name.startsWith('NativeModule '))
    const files = scripts.map(({ url, length }) => ({ url, length }))
    writeSync(1, '\\nloaded ' + JSON.stringify({ builtins, files }) + '\\n')
  })`,
)
// The command starts again without what is preloaded.
const loader = program(
  'loader.mjs',
  `import './loaded.mjs'
  process.argv.splice(1, 1)
  await import(process.argv[1])`,
)

interface Row {
  readonly what: string
  readonly args: readonly string[]
  /** What it is compared with. */
  readonly bare: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** Whether the aim is for it, too. */
  readonly isAimedAt?: boolean
}

const rows: readonly Row[] = [
  { what: '--import of an empty file', args: ['--import', empty, empty], bare: [empty] },
  {
    what: '--import socket-handoff/register',
    args: ['--import', dist('register.js'), empty],
    bare: [empty],
    isAimedAt: true,
  },
  {
    what: 'as `handoff run` starts it',
    args: ['--require', dist('preload/first.cjs'), empty],
    bare: [empty],
    isAimedAt: true,
  },
  { what: "import 'socket-handoff'", args: [dist('index.js')], bare: [empty] },
  {
    what: 'handoff status',
    args: [dist('cli/main.js'), 'status', 'none'],
    bare: [empty],
    isAimedAt: true,
  },
  {
    what: 'an HTTP server that listens',
    args: ['--import', dist('register.js'), server],
    bare: [server],
    env: { PORT: String(await freePort()) },
  },
]

console.log(machine())
console.log(`median of ${PAIRS} pairs; processor time, user and system`)
console.log(
  '\n                                    bare      with     adds   ours         other files  modules of Node',
)
let isCheap = true
try {
  for (const row of rows) print(row)
} finally {
  rmSync(directory, { recursive: true })
}
console.log(`\nthe aim is ${isCheap ? 'reached' : 'not reached'}`)
process.exitCode = isCheap ? 0 : 1

function print({ what, args, bare, env = {}, isAimedAt = false }: Row): void {
  const pairs = Array.from({ length: PAIRS }, () => [run(bare, env), run(args, env)] as const)
  const adds = median(pairs.map(([without, having]) => having / without - 1))
  const [before, after] = [loadedBy(bare, env), loadedBy(args, env)]
  const ours = after.filter(({ url }) => url.includes('/packages/handoff/'))
  const own = [directory, '/packages/handoff/', '/node_modules/tsx/']
  const others = after.filter(
    ({ url }) => !url.startsWith('node:') && !own.some((o) => url.includes(o)),
  )
  const kB = Math.round(ours.reduce((sum, { length }) => sum + length, 0) / 1000)
  if (isAimedAt && adds > AIM) isCheap = false
  console.log(
    what.padEnd(33),
    `${median(pairs.map(([without]) => without))
      .toFixed(0)
      .padStart(3)} ms`,
    `${median(pairs.map(([, having]) => having))
      .toFixed(0)
      .padStart(6)} ms`,
    adds.toFixed(2).padStart(8),
    `  ${ours.length} of ${kB} kB`.padEnd(15),
    String(others.length).padEnd(12),
    `+${builtinsOf(after) - builtinsOf(before)}`.padEnd(15),
    isAimedAt ? `aim ${AIM}` : '',
  )
}

/** @returns the processor time of one run, in milliseconds. */
function run(args: readonly string[], env: NodeJS.ProcessEnv): number {
  // Node.js does not report the processor time of a child. bash does, in milliseconds: getrusage(2).
  const script = 'TIMEFORMAT="%3U %3S"; time "$@" >/dev/null 2>&1'
  const command = ['--norc', '-c', script, 'bash', process.execPath, ...args]
  const { stderr } = spawnSync('bash', command, { env: environment(env), encoding: 'utf8' })
  const [user = Number.NaN, system = Number.NaN] = stderr.trim().split(' ').map(Number)
  return (user + system) * 1000
}

interface Script {
  readonly url: string
  readonly length: number
}

function loadedBy(args: readonly string[], env: NodeJS.ProcessEnv): Script[] {
  const command =
    args[0] === dist('cli/main.js') ? [loader, ...args] : ['--import', loaded, ...args]
  const options = { env: environment(env), encoding: 'utf8' } as const
  const { stdout } = spawnSync(process.execPath, command, options)
  const { builtins, files } = JSON.parse(/^loaded (.*)$/m.exec(stdout)?.[1] ?? '')
  return [...files.filter(({ url }: Script) => !url.startsWith('node:')), ...builtins.map(asScript)]
}

function asScript(name: string): Script {
  return { url: `node:${name}`, length: 0 }
}

function builtinsOf(scripts: readonly Script[]): number {
  return scripts.filter(({ url }) => url.startsWith('node:')).length
}

function program(name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

function environment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HANDOFF_DIR: directory, ...env }
}
