// How long it takes from saving a file to the first answer of the new code.

import type { ChildProcess } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { command } from '../../test/support/cli.ts'
import { freePort } from '../../test/support/free-port.ts'
import type { Resources } from '../core/resources.ts'
import { attempt, column, defineSuite } from '../core/suite.ts'
import { end } from '../peers/answers.ts'

/** Old processes end in the meantime. */
const REST_MS = 700
/** The client must not take a core from what it measures. */
const POLL_MS = 2
const DEADLINE_MS = 60_000

const files = {
  'package.json': '{ "name": "app", "type": "module" }',
  'app.ts': `import Fastify, { type FastifyInstance } from 'fastify'
import { config } from './config.ts'
import { items } from './routes/items.ts'
import { users } from './routes/users.ts'
const app: FastifyInstance = Fastify()
await app.register(items, { prefix: '/items' })
await app.register(users, { prefix: '/users' })
await app.listen({ port: config.port, host: '127.0.0.1' })
`,
  'config.ts': 'export const config: { port: number } = { port: Number(process.env.PORT) }\n',
  'routes/items.ts': `import type { FastifyPluginAsync } from 'fastify'
export const items: FastifyPluginAsync = async (app) => {
  app.get('/', async (): Promise<{ items: string[] }> => ({ items: ['one', 'two'] }))
}
`,
  'routes/users.ts': users(0),
}

/** The file that is saved. Its answer names the version. */
function users(version: number): string {
  return `import type { FastifyPluginAsync } from 'fastify'
const version: number = ${version}
export const users: FastifyPluginAsync = async (app) => {
  app.get('/', async (_, reply) => reply.header('x-version', version).send({ users: [] }))
}
`
}

function tsx(): string {
  const path = createRequire(import.meta.url).resolve('tsx/package.json')
  return join(dirname(path), JSON.parse(readFileSync(path, 'utf8')).bin)
}

const ways: Readonly<Record<string, () => readonly string[]>> = {
  'handoff run --watch': () => [...command.args, 'run', '--watch', 'app.ts'],
  'tsx watch': () => [tsx(), 'watch', 'app.ts'],
}

export const watch = defineSuite<'saves'>({
  name: 'watch',
  title: 'From saving a file to the first answer of the new code',
  about:
    'A small Fastify app in TypeScript, a file of which is saved again and again. `refused` are requests that were refused meanwhile. The ' +
    'aim is 500 ms in the median.',
  options: { saves: { about: 'saves in each way, in turn', quick: 2, full: 20 } },
  columns: [column('ms', 'time', 'ms', 0), column('refused', 'refused', '', 0, 'sum')],
  async *run({ options, resources, progress }) {
    const all = new Map<string, Watched>()
    progress.begin('watch', options.saves)
    try {
      for (const [name, args] of Object.entries(ways))
        all.set(name, await Watched.start(args(), resources))
      for (let run = 1; run <= options.saves; run++) {
        progress.step(`save ${run} of ${options.saves}`)
        for (const [subject, watched] of all)
          yield* await attempt(subject, progress, async () => {
            return { subject, run, figures: await watched.save() }
          })
      }
    } finally {
      for (const watched of all.values()) await watched.stop()
    }
  },
})

/** One program under one of the watchers. */
class Watched {
  readonly #folder: string
  readonly #port: number
  readonly #child: ChildProcess
  #version = 0
  #refused = 0

  private constructor(folder: string, port: number, child: ChildProcess) {
    this.#folder = folder
    this.#port = port
    this.#child = child
  }

  static async start(args: readonly string[], resources: Resources): Promise<Watched> {
    const folder = resources.directoryWithPackages()
    mkdirSync(join(folder, 'routes'))
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
    const port = await freePort()
    const env = { ...process.env, HANDOFF_DIR: resources.directory(), PORT: `${port}` }
    const child = resources.spawn(process.execPath, args, { cwd: folder, env, stdio: 'ignore' })
    const watched = new Watched(folder, port, child)
    await watched.#answers()
    await pause(3 * REST_MS)
    return watched
  }

  /** Saves the file, and waits until its new code answers. */
  async save(): Promise<{ ms: number; refused: number }> {
    this.#version += 1
    this.#refused = 0
    const began = performance.now()
    writeFileSync(join(this.#folder, 'routes/users.ts'), users(this.#version))
    await this.#answers()
    const ms = performance.now() - began
    await pause(REST_MS)
    return { ms, refused: this.#refused }
  }

  stop(): Promise<void> {
    return end(this.#child)
  }

  async #answers(): Promise<void> {
    const endsAt = performance.now() + DEADLINE_MS
    while (performance.now() < endsAt) {
      const version = await this.#ask()
      if (version === `${this.#version}`) return
      if (version === undefined) this.#refused += 1
      await pause(POLL_MS)
    }
    throw new Error(`version ${this.#version} did not answer in ${DEADLINE_MS / 1000} s`)
  }

  /** Returns the version that answers; undefined if there is no answer. */
  #ask(): Promise<string | undefined> {
    return new Promise((resolve) => {
      const options = { port: this.#port, host: '127.0.0.1', path: '/users/', agent: false }
      const request = http.get(options, (response) => {
        response.resume().once('end', () => resolve(`${response.headers['x-version']}`))
      })
      request.once('error', () => resolve(undefined))
    })
  }
}
