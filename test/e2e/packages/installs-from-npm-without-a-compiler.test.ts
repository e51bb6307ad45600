// What a stranger does: installs the packages, runs the program of the README, and reloads it.

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ask } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'
import { Load } from '../../support/load/load.ts'
import { makeInstalledProject, packInto } from '../../support/packages.ts'
import { plainServer } from '../../support/plain-server.ts'
import { asCommonJs, asWritten, readmeProgram } from '../../support/readme-program.ts'

const packed = mkdtempSync(join(tmpdir(), 'handoff-packed-'))
let tarballs: string[] = []

beforeAll(() => {
  tarballs = packInto(packed)
}, 180_000)
afterAll(() => rmSync(packed, { recursive: true, force: true }))

const programs = [
  { kind: 'an ES module', file: 'server.mjs', convert: asWritten, also: [] },
  { kind: 'a CommonJS module', file: 'server.cjs', convert: asCommonJs, also: [] },
  { kind: 'TypeScript', file: 'server.ts', convert: asWritten, also: ['tsx'] },
]

test.each(programs)('the program of the README as $kind', async ({ file, convert, also }) => {
  const project = await makeInstalledProject(tarballs)
  project.write('package.json', JSON.stringify({ private: true, type: 'module' }))
  await project.install('socket-handoff', 'fastify-socket-handoff', 'fastify', ...also)

  const port = await freePort()
  const program = convert(readmeProgram(port))
  const edit = (reply: string) => project.write(file, program.replace("'hello'", `'${reply}'`))
  edit('hello')
  const run = project.run('--name', 'web', file)
  await run.says(/generation 1 .* serves/)
  expect(await ask(port)).toBe('hello')

  const load = new Load({ port }, { newConnection: 6, closedByClient: 2, keepAlive: 6 })
  await load.more(50)
  for (const reply of ['second', 'third']) {
    edit(reply)
    const { exitCode, stdout, stderr } = await project.handoff('reload', 'web')
    expect(exitCode, stdout + stderr).toBe(0)
    await load.more(50)
    expect(await ask(port)).toBe(reply)
  }
  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)

  expect(await project.handoff('stop', 'web')).toMatchObject({ exitCode: 0 })
  expect(await run.ended()).toBe(0)
  expect(`${run.output}`).not.toMatch(/Warning/)
})

test('where no prebuilt core fits, the error names a command, and that builds it', async () => {
  const project = await makeInstalledProject(tarballs)
  await project.install('socket-handoff')
  rmSync(join(project.modules, 'socket-handoff/prebuilds'), { recursive: true })
  project.write('server.mjs', plainServer('built'))
  const port = await freePort()

  const failed = await project.handoff('run', '--name', 'web', 'server.mjs', `${port}`)
  expect(failed.exitCode).toBe(1)
  const message = /cannot load the native core: .* Build it here: `(.*?)` .*\[(\w+)\]/
  const [, command = '', code] = message.exec(failed.stderr) ?? []
  expect(code, failed.stderr).toBe('ERR_HANDOFF_ADDON_NOT_FOUND')
  expect(command).toBe('npx handoff build-native')

  const [tool = '', ...args] = command.split(' ')
  const without = await project.execute(tool, ...args)
  expect(without).toMatchObject({ exitCode: 1, stdout: '' })
  expect(without.stderr).toContain('a C++ compiler and make and Python 3 not found')
  expect(without.stderr).toContain('[ERR_HANDOFF_BUILD_FAILED]')

  const built = await project.executeWith({ PATH: process.env.PATH ?? '' }, tool, ...args)
  expect(built.exitCode, built.stderr).toBe(0)
  expect(existsSync(built.stdout.trim())).toBe(true)

  const run = project.run('--name', 'web', 'server.mjs', `${port}`)
  await run.says(/generation 1 .* serves/)
  expect(await ask(port)).toBe('built')
  expect(await project.handoff('reload', 'web')).toMatchObject({ exitCode: 0 })
  expect(await project.handoff('stop', 'web')).toMatchObject({ exitCode: 0 })
  expect(await run.ended()).toBe(0)
})
