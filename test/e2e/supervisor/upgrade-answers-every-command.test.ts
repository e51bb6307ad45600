// While a supervisor becomes another release of itself, commands wait for their answers, and none is lost.

import { existsSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { makeProject, serverReplying } from '../../support/cli-project.ts'
import { alive } from '../../support/process-facts.ts'
import { makeRelease, upgradeBy } from '../../support/release.ts'
import { until } from '../../support/until.ts'

/** Sends a command on a connection of its own. Resolves with the release that answers. */
function askStatus(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get({ socketPath, path: '/status', agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (data) => {
        text += data
      })
      response.on('end', () => resolve(JSON.parse(text).release))
      response.on('error', reject)
    })
    request.on('error', reject)
  })
}

/** Commands, several at a time, almost without a pause. */
class Commands {
  readonly failures: string[] = []
  readonly answered = new Map<string, number>()
  readonly #running: Promise<unknown>
  #stopping = false

  constructor(socketPath: string) {
    this.#running = Promise.all(Array.from({ length: 8 }, () => this.#run(socketPath)))
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await this.#running
  }

  async #run(socketPath: string): Promise<void> {
    while (!this.#stopping) {
      try {
        const release = await askStatus(socketPath)
        this.answered.set(release, (this.answered.get(release) ?? 0) + 1)
      } catch (error) {
        this.failures.push(`${error}`)
      }
      await pause(2)
    }
  }
}

test('commands that come during upgrades are answered, by one release or the next', async () => {
  const project = makeProject({ 'package.json': '{}', 'server.mjs': serverReplying('x') })
  const run = project.run(['--name', 'web', 'server.mjs'])
  await run.listens()
  const place = { name: 'web', directory: project.runs }
  await run.says(/generation 1 .* serves on/)
  const commands = new Commands(join(project.runs, 'web', 'control.sock'))
  const versions = ['7.0.1', '7.0.2', '7.0.3']
  const releases = versions.map((version) => makeRelease(version))
  for (const { command } of releases) {
    // A process of the supervisor compiles code now. The next release removes the directory.
    await until('code is compiled', () => existsSync(join(project.runs, 'web', 'code-cache')))
    const { exitCode, output } = await upgradeBy(command, place)
    expect(exitCode, output).toBe(0)
  }
  await until('the last release answers', () => commands.answered.has('7.0.3'))
  await commands.stop()
  expect(commands.failures).toEqual([])
  expect([...commands.answered.keys()].slice(1)).toEqual(versions)
  expect(alive(run.pid)).toBe(true)
  expect((await project.handoff('stop', 'web')).exitCode).toBe(0)
  expect(await run.ended()).toBe(0)
})
