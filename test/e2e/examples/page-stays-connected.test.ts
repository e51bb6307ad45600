// The page of examples/hot-reload, in a real browser, while the server's source is edited.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { browser, openPage, orNoBrowser, type Visit } from '../../support/browser.ts'
import { makeProject } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'
import { until } from '../../support/until.ts'
import { watching } from '../../support/watching.ts'

const read = (file: string) =>
  readFileSync(
    fileURLToPath(new URL(`../../../examples/hot-reload/${file}`, import.meta.url)),
    'utf8',
  )
const server = read('server.ts')
const greeting = (word: string) => server.replace("'Hello'", `'${word}'`)

/** A message of the server over the WebSocket. */
interface Echo {
  words: string
  id: string
  ageMs: number
  messages: number
  echo: string
}

/** Opens the page of a copy of the example, which the test may edit. */
async function start() {
  const port = await freePort()
  const project = makeProject({
    'package.json': read('package.json'),
    'server.ts': server,
    'page.html': read('page.html'),
  })
  const run = project.run(['--watch', 'server.ts'], { PORT: String(port) })
  await run.says(/serves on/)
  await watching(run)
  const visit = await openPage(`http://localhost:${port}/`)
  await answers(visit, 'Hello', 1)
  return { project, run, visit }
}

/** Resolves when HTTP and the WebSocket are both answered by this generation, in these words. */
async function answers(visit: Visit, word: string, generation: number): Promise<void> {
  await visit.shows('words', `${word} from generation ${generation}`)
  await visit.shows('ws-generation', `generation ${generation}`)
}

/** Resolves when so many more requests and messages have been answered. */
async function goesOn(visit: Visit, answers: number): Promise<void> {
  const before = await visit.shown()
  for (const id of ['http-requests', 'ws-echoed']) {
    const enough = Number(before[id]) + answers
    await until(`${id} is ${enough}`, async () => Number((await visit.shown())[id]) >= enough)
  }
}

/** The connections of `first` are there, nothing failed, nothing was lost, nobody complains. */
async function expectNothingNoticed(visit: Visit, first: Record<string, string>): Promise<void> {
  const shown = await until('every message is echoed', async () => {
    const shown = await visit.shown()
    return shown['ws-sent'] === shown['ws-echoed'] && shown
  })
  expect(visit.complaints).toEqual([])
  expect(shown).toMatchObject({
    'http-port': first['http-port'],
    'http-failures': '0',
    'http-reconnects': '0',
    'ws-connection': first['ws-connection'],
    'ws-lost': '0',
    'ws-reconnects': '0',
  })

  // The page's word is good; the browser's own is better.
  expect(visit.webSockets).toHaveLength(1)
  const echoes = (visit.webSockets[0] ?? []).map((text) => JSON.parse(text) as Echo)
  expect(new Set(echoes.map(({ id }) => id))).toEqual(new Set([first['ws-connection']]))
  expect(echoes.map(({ echo }) => echo)).toEqual(echoes.map((_, index) => `${index + 1}`))
  expect(echoes.map(({ messages }) => messages)).toEqual(echoes.map((_, index) => index + 1))
  const ages = echoes.map(({ ageMs }) => ageMs)
  expect(ages).toEqual(ages.toSorted((a, b) => a - b))
}

const inBrowser = test.skipIf(browser === undefined)
if (browser === undefined) {
  console.log(
    'page-stays-connected is skipped: no Chromium is installed here, nor named by CHROMIUM',
  )
}

inBrowser(`every edit shows over the connections that the page has${orNoBrowser}`, async () => {
  const { project, visit } = await start()
  const first = await visit.shown()
  for (const [index, word] of ['Bonjour', 'Hallo', 'Ciao', 'Hej', 'Ahoj'].entries()) {
    project.write('server.ts', greeting(word))
    await answers(visit, word, index + 2)
  }
  await goesOn(visit, 5)
  await expectNothingNoticed(visit, first)
  await visit.shows('verdict', '5 handoffs, the same two connections.')
})

inBrowser(
  `an edit that breaks the server does not show; the next one does${orNoBrowser}`,
  async () => {
    const { project, run, visit } = await start()
    const first = await visit.shown()
    project.write('server.ts', `${server}this is no TypeScript`)
    await run.says(/Generation 1 .* serves on/)
    await goesOn(visit, 5)
    await answers(visit, 'Hello', 1)

    project.write('server.ts', greeting('Hola'))
    await answers(visit, 'Hola', 2)
    await goesOn(visit, 5)
    await expectNothingNoticed(visit, first)
    await visit.shows('verdict', '1 handoff, the same two connections.')
  },
)

test('the page names the line of server.ts to edit', () => {
  const [, number, line = ''] =
    /id="line-number">(\d+)<.*id="line">([^<]*)</.exec(read('page.html')) ?? []
  expect(line).toContain("'Hello'")
  expect(server.split('\n')[Number(number) - 1]).toBe(line)
})
