// A program that imports a package late finds it where a symbolic link leads, in each generation.

import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { makeProject } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'
import { send } from '../../support/load/send.ts'

test('a package behind a link has one place in all generations', async () => {
  const project = makeProject({
    'store/linked/package.json': '{ "name": "linked", "type": "module", "exports": "./index.js" }',
    'store/linked/index.js': 'export default 1\n',
    'app/server.mjs': `
      import http from 'node:http'
      http.createServer((request, response) => {
        response.end(import.meta.resolve('linked'))
      }).listen(process.env.PORT, '127.0.0.1')
    `,
  })
  symlinkSync(join(project.path, 'store'), join(project.path, 'app/node_modules'))
  const port = await freePort()
  const run = project.run(['--name', 'late', 'app/server.mjs'], { PORT: String(port) })
  await run.says(/generation 1 .* serves on/)
  const { href } = pathToFileURL(join(project.path, 'store/linked/index.js'))
  expect((await send({ port }, { path: '/' })).text).toBe(href)

  const { exitCode, stderr } = await project.handoff('reload', 'late')
  expect(exitCode, stderr).toBe(0)
  expect((await send({ port }, { path: '/' })).text).toBe(href)
  await project.handoff('stop', 'late')
  expect(await run.ended()).toBe(0)
})
