// An old process that stands still while the next handoff releases it: whatever it missed, it is released.

import http from 'node:http'
import { expect, test } from 'vitest'
import { Load } from '../../support/load/load.ts'
import { gone, hasProc } from '../../support/process-facts.ts'
import { startRun } from '../../support/run.ts'

/**
 * More rests of connections than a channel has room for: each message takes at least 512 bytes of its
 * send buffer (net.core.wmem_default, 208 KiB), and tells of those of one turn.
 */
const requestsThatFill = 3_000

test.skipIf(!hasProc)(
  'it does not take back, although its new process ended before it could be told (needs Linux)',
  async () => {
    const run = await startRun('http-server.mjs', {
      flags: ['--probation', '0.1s', '--drain-timeout', '120s'],
    })
    const first = await run.listening()
    const held = http.get({ ...run.target, path: '/slow?ms=110000', agent: false })
    held.on('error', () => {})
    const load = new Load(run.target, { keepAlive: 16 })
    await load.more(100)

    const next = async () => {
      const from = run.output.lines.length
      await run.reloadWell()
      return await run.listening(from)
    }
    const second = await next()
    process.kill(first, 'SIGSTOP')
    await load.more(requestsThatFill)
    const third = await next()
    // It would stay for the connections of the first.
    process.kill(second, 'SIGTERM')
    await gone(second)
    process.kill(first, 'SIGCONT')

    // Its own request is all that it still has: it ends with it, and answers nobody else.
    await load.more(500)
    held.socket?.resetAndDestroy() // The server goes on answering one that closed its side alone.
    await gone(first)
    await load.more(500)
    const tally = await load.stop()
    expect(tally.failed, `${tally}`).toBe(0)
    expect(run.output.lines.filter((line) => /taken back/.test(line))).toEqual([])
    expect((await run.status()).serving).toBe(third)
  },
)
