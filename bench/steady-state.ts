// What the plugin costs while nothing is handed over: requests a second with and without it.
//
// Two processes of the very same program differ by up to a tenth, for as long as they live: by where
// the kernel put their memory and by what the compiler made of their code. So every round has a new
// pair of processes, measured in turn, and what counts is the median of the rounds' ratios.

import { cpuTimeMs, machine, median } from './machine.ts'
import { type Connections, requestsPerSecond } from './requests-per-second.ts'
import { type Server, startBare, startWithPlugin } from './servers.ts'

const ROUNDS = Number(process.env.ROUNDS ?? 15)
const WARM_UP_MS = 1_000
const ROUND_MS = 1_000
const CONNECTIONS = 32

interface Figure {
  perSecond: number
  /** Processor time of the server for one request: steadier than a rate on a busy machine. */
  cpuMicros: number
}

/** How much of a bare server's figure one with the plugin has. */
interface Ratio {
  perSecond: number
  cpu: number
}

console.log(machine())
console.log(`${ROUNDS} rounds, a new pair of processes each, ${CONNECTIONS} connections at a time`)
for (const kind of ['kept', 'new'] as const) await compare(kind)

async function compare(kind: Connections): Promise<void> {
  console.log(
    `\n${kind} connections      without           with     ratio (requests/s, CPU µs each)`,
  )
  const ratios: Ratio[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    // Who goes first changes too.
    const [without, having] = await measurePair(kind, round % 2 === 0)
    ratios.push({
      perSecond: having.perSecond / without.perSecond,
      cpu: having.cpuMicros / without.cpuMicros,
    })
    print(`round ${round}`, without, having)
  }
  const rate = median(ratios.map(({ perSecond }) => perSecond)).toFixed(3)
  const cpu = median(ratios.map(({ cpu: share }) => share)).toFixed(3)
  console.log(`median of the ratios: ${rate} of the requests/s (the aim is 0.98 or more)`)
  console.log(`                      ${cpu} of the processor time for a request`)
}

async function measurePair(kind: Connections, pluginFirst: boolean): Promise<[Figure, Figure]> {
  const servers = [await startBare(), await startWithPlugin()] as const
  try {
    for (const { port } of servers) await requestsPerSecond(port, kind, CONNECTIONS, WARM_UP_MS)
    const [bare, withPlugin] = servers
    const first = await measure(pluginFirst ? withPlugin : bare, kind)
    const second = await measure(pluginFirst ? bare : withPlugin, kind)
    return pluginFirst ? [second, first] : [first, second]
  } finally {
    for (const server of servers) await server.stop()
  }
}

async function measure({ pid, port }: Server, kind: Connections): Promise<Figure> {
  const before = cpuTimeMs(pid)
  const perSecond = await requestsPerSecond(port, kind, CONNECTIONS, ROUND_MS)
  const requests = perSecond * ((ROUND_MS * 1.1) / 1000)
  return { perSecond, cpuMicros: ((cpuTimeMs(pid) - before) / requests) * 1000 }
}

function print(label: string, without: Figure, having: Figure): void {
  const cells = [without, having].map(({ perSecond, cpuMicros }) =>
    `${perSecond.toFixed(0)} ${cpuMicros.toFixed(1)}`.padStart(15),
  )
  const ratio = (having.perSecond / without.perSecond).toFixed(3)
  console.log(label.padEnd(16) + cells.join('') + ratio.padStart(10))
}
