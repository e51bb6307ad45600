// The README's hot-reload server: an edit shows at the next request, on the connection that is open.

import { readFileSync } from 'node:fs'
import http from 'node:http'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { makeProject } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'
import { Load } from '../../support/load/load.ts'
import { send } from '../../support/load/send.ts'
import { watching } from '../../support/watching.ts'

const read = (file: string) =>
  readFileSync(
    fileURLToPath(new URL(`../../../examples/hot-reload/${file}`, import.meta.url)),
    'utf8',
  )
const example = read('server.ts')

function greeting(word: string): string {
  return example.replace("'Hello'", `'${word}'`)
}

test('an edited route answers on the same keep-alive connection, and a broken one does not', async () => {
  expect(example).toContain("'Hello'")
  const target = { host: '127.0.0.1', port: await freePort() }
  const project = makeProject({
    'package.json': '{ "name": "edited", "type": "module" }',
    'server.ts': example,
    'page.html': read('page.html'),
  })
  const run = project.run(['--watch', 'server.ts'], { PORT: String(target.port) })
  await run.says(/serves on/)
  await watching(run)

  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const ask = async () => {
    const { text, reused } = await send(target, { path: '/hello', agent })
    return { words: JSON.parse(text).words, reused }
  }
  expect(await ask()).toEqual({ words: 'Hello from generation 1', reused: false })

  const load = new Load(target, { newConnection: 2, keepAlive: 2 })
  for (const [index, word] of ['Bonjour', 'Hallo', 'Ciao'].entries()) {
    project.write('server.ts', greeting(word))
    await run.says(/serves on/)
    expect(await ask()).toEqual({
      words: `${word} from generation ${index + 2}`,
      reused: true,
    })
  }

  project.write('server.ts', 'this is not TypeScript')
  await run.says(/serves on/)
  expect(await ask()).toEqual({ words: 'Ciao from generation 4', reused: true })
  agent.destroy()

  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
})
