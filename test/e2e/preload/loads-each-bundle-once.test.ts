// A process has one instance of each of our modules, from one release, and its program sees none of them.

import { spawn } from 'node:child_process'
import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ask, makeProject, Run } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'
import { plainServer } from '../../support/plain-server.ts'
import { makeRelease } from '../../support/release.ts'
import { until } from '../../support/until.ts'

test.each(['--import', '--require'])(
  'what is preloaded by %s and what is imported are the same',
  async (flag) => {
    const project = makeProject({
      'program.mjs': `
      import { createRequire } from 'node:module'
      import { HandoffError } from 'socket-handoff'
      const require = createRequire(import.meta.url)
      console.log('seen', JSON.stringify(Object.keys(require.cache)))
      console.log('same', HandoffError === require('socket-handoff').HandoffError)
    `,
    })
    const preload = { '--import': 'register.js', '--require': 'preload/first.cjs' }[flag] ?? ''
    const dist = join(project.path, 'node_modules/socket-handoff/dist')
    const child = spawn(process.execPath, [flag, join(dist, preload), 'program.mjs'], {
      cwd: project.path,
      env: project.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const run = new Run(child)
    await run.prints(/^seen \[\]$/)
    await run.prints(/^same true$/)
    expect(await run.ended()).toBe(0)
  },
)

test('a package that is moved away after the start is not missed', async () => {
  const project = makeProject({ 'server.mjs': plainServer('first') })
  const { path } = makeRelease('7.0.1')
  const port = String(await freePort())
  const rendezvous = join(project.path, 'rendezvous.sock')
  const start = (...flags: string[]) => {
    const register = join(path, 'dist/register.js')
    const child = spawn(process.execPath, ['--import', register, ...flags, 'server.mjs', port], {
      cwd: project.path,
      env: {
        ...project.env,
        HANDOFF_RENDEZVOUS: rendezvous,
        HANDOFF_PROBATION_MS: '0',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return new Run(child)
  }
  // The program moves it before it listens, and what is left there is of no use.
  project.write(
    'move.mjs',
    `import { mkdirSync, renameSync } from 'node:fs'
    renameSync(${JSON.stringify(path)}, ${JSON.stringify(`${path}-moved`)})
    mkdirSync(${JSON.stringify(join(path, 'dist'))}, { recursive: true })`,
  )
  const old = start('--import', './move.mjs')
  await old.listensAlone()
  await until('others can take over', () => existsSync(rendezvous))
  renameSync(path, `${path}-empty`)
  renameSync(`${path}-moved`, path)
  project.write('server.mjs', plainServer('second'))
  const next = start()
  await next.listensAlone()
  expect(await old.ended()).toBe(0)
  expect(await ask(Number(port))).toBe('second')
  next.child.kill('SIGTERM')
  expect(await next.ended()).toBe(0)
})
