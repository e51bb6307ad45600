// What it costs a process to load us: processor time over a bare Node.js, and what is loaded.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../test/support/free-port.ts'
import { median } from '../core/statistics.ts'
import { column, defineSuite, type Sample } from '../core/suite.ts'

/** How much more a process that only loads us may cost than a bare one, in processor times of the bare one. */
const AIM = 0.8

const dist = (path: string) =>
  fileURLToPath(new URL(`../../packages/handoff/dist/${path}`, import.meta.url))

const empty = ''
const server = `import http from 'node:http'
  const server = http.createServer().listen(process.env.PORT, '127.0.0.1', () => server.close())`
/** Scripts of a process, by the word of V8's debugger. */
const loaded = `import { writeSync } from 'node:fs'
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
  })`
/** The command starts again without what is preloaded. */
const loader = `import './loaded.mjs'
  process.argv.splice(1, 1)
  await import(process.argv[1])`

const texts = { empty, server, loaded, loader }

interface Row {
  readonly subject: string
  /** Arguments of Node.js; names of `texts` stand for their files. */
  readonly args: readonly string[]
  /** What it is compared with. */
  readonly bare: keyof typeof texts
  /** Whether the aim is for it, too. */
  readonly isAimedAt: boolean
}

const rows: readonly Row[] = [
  {
    subject: '--import of an empty file',
    args: ['--import', 'empty', 'empty'],
    bare: 'empty',
    isAimedAt: false,
  },
  {
    subject: '--import socket-handoff/register',
    args: ['--import', dist('register.js'), 'empty'],
    bare: 'empty',
    isAimedAt: true,
  },
  {
    subject: 'as `handoff run` starts it',
    args: ['--require', dist('preload/first.cjs'), 'empty'],
    bare: 'empty',
    isAimedAt: true,
  },
  { subject: "import 'socket-handoff'", args: [dist('index.js')], bare: 'empty', isAimedAt: false },
  {
    subject: 'handoff status',
    args: [dist('cli/main.js'), 'status', 'none'],
    bare: 'empty',
    isAimedAt: true,
  },
  {
    subject: 'an HTTP server that listens',
    args: ['--import', dist('register.js'), 'server'],
    bare: 'server',
    isAimedAt: false,
  },
]

export const bootCost = defineSuite<'pairs'>({
  name: 'boot-cost',
  title: 'What it costs a process to load this package',
  about:
    'Processor time, user and system, over that of a bare Node.js, in pairs, and what is loaded by then. Bash measures it. The aim is at ' +
    'most 0.8 more for a process that only loads us.',
  options: { pairs: { about: 'pairs of processes for each row', quick: 3, full: 15 } },
  columns: [
    column('bare', 'bare', 'ms', 0),
    column('with', 'with', 'ms', 0),
    column('adds', 'adds', '', 2),
    column('files', 'files of ours', '', 0),
    column('kB', 'of', 'kB', 0),
    column('others', 'other files', '', 0),
    column('builtins', 'modules of Node.js', '', 0),
  ],
  async *run({ options, resources, progress }) {
    const directory = resources.directory()
    for (const [name, text] of Object.entries(texts))
      writeFileSync(join(directory, `${name}.mjs`), text)
    const files = (args: readonly string[]) =>
      args.map((arg) => (arg in texts ? join(directory, `${arg}.mjs`) : arg))
    // A variable that makes each Node.js do work at its start, such as NODE_EXTRA_CA_CERTS, is not passed on.
    const env = { PATH: process.env.PATH, HANDOFF_DIR: directory, PORT: `${await freePort()}` }
    progress.begin('boot-cost', rows.length)
    for (const { subject, args, bare } of rows) {
      progress.step(subject)
      const count = whatIsLoaded(files(args), files([bare]), directory, env)
      for (let run = 1; run <= options.pairs; run++) {
        const [without, having] = [cpuMs(files([bare]), env), cpuMs(files(args), env)]
        const times = { bare: without, with: having, adds: having / without - 1 }
        yield { subject, run, figures: { ...times, ...count } }
      }
    }
  },
  check: (samples) =>
    rows.filter(({ isAimedAt }) => isAimedAt).flatMap((row) => problemOf(row.subject, samples)),
})

function problemOf(subject: string, samples: readonly Sample[]): string[] {
  const own = samples.filter((sample) => sample.subject === subject)
  const adds = median(own.map(({ figures }) => figures.adds ?? Number.NaN))
  return adds > AIM
    ? [`${subject} adds ${adds.toFixed(2)} of a bare process: the aim is ${AIM}`]
    : []
}

/** Returns the processor time of one run, in milliseconds. */
function cpuMs(args: readonly string[], env: NodeJS.ProcessEnv): number {
  // Node.js does not report the processor time of a child. bash does, in milliseconds: getrusage(2).
  const script = 'TIMEFORMAT="%3U %3S"; time "$@" >/dev/null 2>&1'
  const command = ['--norc', '-c', script, 'bash', process.execPath, ...args]
  const { stderr } = spawnSync('bash', command, { env, encoding: 'utf8' })
  const [user = Number.NaN, system = Number.NaN] = stderr.trim().split(' ').map(Number)
  return (user + system) * 1000
}

interface Script {
  readonly url: string
  readonly length: number
}

function whatIsLoaded(
  args: readonly string[],
  bare: readonly string[],
  directory: string,
  env: NodeJS.ProcessEnv,
): Record<'files' | 'kB' | 'others' | 'builtins', number> {
  const [before, after] = [loadedBy(bare, directory, env), loadedBy(args, directory, env)]
  const ours = after.filter(({ url }) => url.includes('/packages/handoff/'))
  const own = [directory, '/packages/handoff/', '/node_modules/tsx/']
  const others = after.filter(
    ({ url }) => !url.startsWith('node:') && !own.some((path) => url.includes(path)),
  )
  return {
    files: ours.length,
    kB: ours.reduce((sum, { length }) => sum + length, 0) / 1000,
    others: others.length,
    builtins: builtinsOf(after) - builtinsOf(before),
  }
}

function loadedBy(args: readonly string[], directory: string, env: NodeJS.ProcessEnv): Script[] {
  const [probe, wrapper] = [join(directory, 'loaded.mjs'), join(directory, 'loader.mjs')]
  const command =
    args[0] === dist('cli/main.js') ? [wrapper, ...args] : ['--import', probe, ...args]
  const { stdout } = spawnSync(process.execPath, command, { env, encoding: 'utf8' })
  const { builtins, files } = JSON.parse(/^loaded (.*)$/m.exec(stdout)?.[1] ?? '')
  return [...files.filter(({ url }: Script) => !url.startsWith('node:')), ...builtins.map(asScript)]
}

function asScript(name: string): Script {
  return { url: `node:${name}`, length: 0 }
}

function builtinsOf(scripts: readonly Script[]): number {
  return scripts.filter(({ url }) => url.startsWith('node:')).length
}
