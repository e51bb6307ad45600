// A TCP port that no process listens on.

import { randomInt } from 'node:crypto'
import { connect } from 'node:net'

/**
 * Below the ports that the kernel gives to clients and to `listen(0)` (32768 and more:
 * ip_local_port_range in ip(7)): there a port that was free is taken in the next moment.
 */
const first = 10_000
const end = 32_000

const given = new Set<number>()

/** Gives a port on which nothing listens, and gives it once only. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let tries = 0; tries < 1000; tries++) {
    const port = randomInt(first, end)
    if (given.has(port) || !(await isFree(port, host))) continue
    given.add(port)
    return port
  }
  throw new Error(`no port of ${host} is free`)
}

/** By a client: a listen of ours may be under test in this very process. */
function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const client = connect({ port, host })
    client.on('connect', () => {
      client.destroy()
      resolve(false)
    })
    client.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'ECONNREFUSED'))
  })
}
