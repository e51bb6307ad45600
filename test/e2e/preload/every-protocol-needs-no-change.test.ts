import { readFileSync } from 'node:fs'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { freePort } from '../../support/free-port.ts'
import { Load } from '../../support/load/load.ts'
import { UdpLoad } from '../../support/load/udp-load.ts'
import { startRun } from '../../support/run.ts'
import { scratchDirectory } from '../../support/scratch.ts'
import { until } from '../../support/until.ts'

const ca = readFileSync(new URL('../../fixtures/tls/certificate.pem', import.meta.url))
const HANDOFFS = 5

test(`https, http2, Unix and UDP servers of an unmodified program lose nothing in ${HANDOFFS} handoffs`, async () => {
  const [httpsPort, http2Port, udpPort] = [await freePort(), await freePort(), await freePort()]
  const path = `${scratchDirectory()}/app.sock`
  const args = [httpsPort, http2Port, udpPort, path].map(String)
  const run = await startRun('unmodified/protocols.cjs', { args })
  const loads = [
    new Load({ port: httpsPort, ca }, { newConnection: 3, keepAlive: 2 }),
    new Load({ port: http2Port, ca }, { http2New: 3, http2Kept: 2 }),
    new UdpLoad(udpPort, 4),
  ]
  const pids = new Set<string>()
  let asking = true
  const asked = (async () => {
    while (asking) pids.add(await text(net.connect(path)))
  })()

  const haveAnswered = (count: number) =>
    until(`${count} processes have answered`, () =>
      [pids, ...loads.map(({ tally }) => tally.pids)].every(({ size }) => size >= count),
    )
  await haveAnswered(1)
  for (let i = 0; i < HANDOFFS; i++) {
    await run.reloadWell()
    await haveAnswered(i + 2)
  }

  asking = false
  await asked
  for (const load of loads) {
    const tally = await load.stop()
    expect(tally.failed, `${tally}`).toBe(0)
    expect(tally.pids.size, `${tally}`).toBe(HANDOFFS + 1)
  }
  expect(
    [...pids].every((reply) => /^hello \d+$/.test(reply)),
    [...pids].join(),
  ).toBe(true)
  expect(pids.size).toBe(HANDOFFS + 1)
  await run.stop()
})
