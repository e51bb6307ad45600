// Fastify over TLS with the plugin under `handoff run`, and without both, while nothing is handed over.

import { fileURLToPath } from 'node:url'
import { freePort } from '../../../test/support/free-port.ts'
import type { Resources } from '../../core/resources.ts'
import type { Sample } from '../../core/suite.ts'
import type { OpenSecurely, SecureConnections } from '../../load/ask-securely.ts'
import { answers, end } from '../../peers/answers.ts'
import { startHandoff } from '../../peers/handoff.ts'
import { identity } from '../../programs/identity.ts'
import { type Measured, measure, ratios } from './measure.ts'

const CONNECTIONS = 32
const MS = 1_000
const ca = identity.cert
const program = fileURLToPath(new URL('../../programs/hello.ts', import.meta.url))

/** One program with the plugin under `handoff run`, and without both. */
export async function measurePair({
  run,
  resources,
  open,
}: {
  run: number
  resources: Resources
  open: OpenSecurely
}): Promise<Sample[]> {
  const opened: SecureConnections[] = []
  const stops: (() => Promise<void>)[] = []
  try {
    const bare = await startBare(resources)
    stops.push(bare.stop)
    const having = await startHandoff(resources, [program, 'plugin', 'secure'], { ca })
    stops.push(having.stop)
    const pids: number[] = []
    for (const { port } of [bare, having]) {
      pids.push(Number(await answers({ port, ca })))
      opened.push(await open(port, CONNECTIONS))
    }
    const one = (index: number) =>
      measure(opened[index] as SecureConnections, pids[index] as number, MS)
    for (const index of [0, 1]) await one(index)
    const figures: Measured[] = []
    for (const index of run % 2 === 0 ? [1, 0] : [0, 1]) figures[index] = await one(index)
    const [without, withPlugin] = figures as [Measured, Measured]
    const name = 'requests in steady state'
    return [
      { case: name, subject: 'without', run, figures: { ...without } },
      {
        case: name,
        subject: 'with the plugin',
        run,
        figures: { ...withPlugin, ...ratios(withPlugin, without) },
      },
    ]
  } finally {
    for (const each of opened) await each.close()
    for (const stop of stops) await stop()
  }
}

async function startBare(resources: Resources): Promise<{ port: number; stop(): Promise<void> }> {
  const port = await freePort()
  const child = resources.spawn(process.execPath, ['--import', 'tsx', program, 'secure'], {
    env: { ...process.env, PORT: `${port}` },
    stdio: 'ignore',
  })
  await answers({ port, ca })
  return { port, stop: () => end(child) }
}
