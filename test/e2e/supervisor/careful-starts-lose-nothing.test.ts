// Servers that listen late, or close and listen again: clients that never retry lose nothing.

import { expect, test } from 'vitest'
import { ask } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'
import { Load } from '../../support/load/load.ts'
import { startRun } from '../../support/run.ts'

const fixture = 'unmodified/careful-start.mjs'
const HANDOFFS = 2

test.each(['probe-first', 'health-first'])(
  `%s: ${HANDOFFS} handoffs, and no client is refused`,
  async (START) => {
    const [port, health] = [await freePort(), await freePort()]
    const env = { START, PORT: String(port), HEALTH_PORT: String(health) }
    const run = await startRun(fixture, { env })
    const loads = [new Load({ port }, { newConnection: 4, keepAlive: 2 })]
    if (START === 'health-first') loads.push(new Load({ port: health }, { newConnection: 2 }))
    for (let i = 1; i <= HANDOFFS; i++) {
      for (const load of loads) await load.answeredBy(i)
      await run.reloadWell()
    }
    for (const load of loads) {
      await load.more(50)
      const tally = await load.stop()
      expect(tally.failed, `${tally}`).toBe(0)
      expect(tally.pids.size, `${tally}`).toBe(HANDOFFS + 1)
    }
    await run.stop()
  },
)

test.each([1, 2])(
  'a server listens again while the old process can take back, with %i workers',
  async (workers) => {
    const port = await freePort()
    const flags = workers === 1 ? [] : ['--workers', String(workers)]
    const run = await startRun(fixture, { flags, env: { PORT: String(port) } })
    if (workers > 1) await run.output.waitFor(/worker 2: generation 1 .* serves/)
    await run.reloadWell()
    for (let time = 0; time < 3; time++) {
      const from = run.output.lines.length
      const pid = await ask(port, '/again')
      await run.output.waitFor(new RegExp(`^again ${pid}$`), { from })
    }
    const load = new Load({ port }, { newConnection: 4 })
    await load.more(100)
    const tally = await load.stop()
    expect(tally.failed, `${tally}`).toBe(0)
    await run.reloadWell()
    await run.stop()
  },
)
