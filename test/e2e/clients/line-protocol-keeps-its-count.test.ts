// The example of raw TCP: the count of a connection goes with it, and nothing is said twice.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { makeProject } from '../../support/cli-project.ts'
import { Conversation } from '../../support/conversation.ts'
import { freePort } from '../../support/free-port.ts'
import { watching } from '../../support/watching.ts'

const example = readFileSync(
  fileURLToPath(new URL('../../../examples/line-protocol/server.ts', import.meta.url)),
  'utf8',
)

test('lines are counted on over three processes, on one connection', async () => {
  const target = { host: '127.0.0.1', port: await freePort() }
  const project = makeProject({
    'package.json': '{ "name": "lines", "type": "module" }',
    'server.ts': example,
  })
  const run = project.run(['--watch', 'server.ts'], { PORT: String(target.port) })
  await run.says(/serves on/)
  await watching(run)
  const conversation = await Conversation.begin(target)
  await conversation.heard.waitFor(/^welcome$/)
  conversation.say('a\n')
  await conversation.heard.waitFor(/^1 a \(generation 1\)$/)

  for (const generation of [2, 3]) {
    project.write('server.ts', `${example}// generation ${generation}\n`)
    await run.says(/serves on/)
    // Half a line: it is answered where its rest is read.
    conversation.say('b')
    conversation.say('\nc\n')
    await conversation.heard.waitFor(new RegExp(`^${generation * 2 - 1} c`))
  }
  conversation.say('d\n')
  await conversation.heard.waitFor(/^6 d \(generation 3\)$/)
  expect(conversation.heard.lines.map((line) => line.split(' (')[0])).toEqual([
    'welcome',
    '1 a',
    '2 b',
    '3 c',
    '4 b',
    '5 c',
    '6 d',
  ])
  conversation.socket.destroy()
})
