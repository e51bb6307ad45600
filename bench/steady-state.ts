// What the plugin costs while nothing is handed over: requests a second with and without it.
//
// Both servers live through the whole run and are measured in turn, so that whatever the machine
// does meanwhile meets both alike.

import { machine, median } from './machine.ts'
import { requestsPerSecond } from './requests-per-second.ts'
import { startBare, startWithPlugin } from './servers.ts'

const ROUNDS = Number(process.env.ROUNDS ?? 15)
const ROUND_MS = 2_000
const CONNECTIONS = 32

console.log(machine())
console.log(`${ROUNDS} rounds of ${ROUND_MS} ms each, ${CONNECTIONS} keep-alive connections\n`)

const servers = [await startBare(), await startWithPlugin()] as const
const rates: [number[], number[]] = [[], []]
const ratios: number[] = []
for (const server of servers) await requestsPerSecond(server.port, CONNECTIONS, ROUND_MS)

console.log('round   without      with   ratio')
for (let round = 1; round <= ROUNDS; round++) {
  // Who goes first changes too.
  const order = round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)
  for (const i of order) {
    rates[i].push(await requestsPerSecond(servers[i].port, CONNECTIONS, ROUND_MS))
  }
  const [without, withPlugin] = [rates[0].at(-1) ?? 0, rates[1].at(-1) ?? 0]
  ratios.push(withPlugin / without)
  print(`${round}`, without, withPlugin)
}
print('median', median(rates[0]), median(rates[1]))
console.log(`\nmedian of the ratios: ${median(ratios).toFixed(3)} (the aim is 0.98 or more)`)
for (const server of servers) await server.stop()

function print(label: string, without: number, withPlugin: number): void {
  const cells = [without.toFixed(0), withPlugin.toFixed(0), (withPlugin / without).toFixed(3)]
  console.log(label.padEnd(6) + cells.map((cell, i) => cell.padStart(i < 2 ? 10 : 8)).join(''))
}
