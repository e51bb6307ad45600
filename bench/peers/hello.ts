// The small server of the suites that measure the steady state, with and without the plugin.

import { fileURLToPath } from 'node:url'
import { freePort } from '../../test/support/free-port.ts'
import type { Resources } from '../core/resources.ts'
import { identity } from '../programs/identity.ts'
import { answers, end } from './answers.ts'
import { startHandoff } from './handoff.ts'

const program = fileURLToPath(new URL('../programs/hello.ts', import.meta.url))

export interface HelloServer {
  readonly port: number
  /** Of the process that answers. */
  readonly pid: number
  stop(): Promise<void>
}

/** Starts Fastify alone under `node`. */
export async function startBare(resources: Resources, isSecure: boolean): Promise<HelloServer> {
  const port = await freePort()
  const args = ['--import', 'tsx', program, ...(isSecure ? ['secure'] : [])]
  const env = { ...process.env, PORT: `${port}` }
  const child = resources.spawn(process.execPath, args, { env, stdio: 'ignore' })
  return { port, pid: await answering(port, isSecure), stop: () => end(child) }
}

/**
 * Starts Fastify with the plugin under `handoff run`.
 *
 * @param flags - of `handoff run`.
 */
export async function startWithPlugin(
  resources: Resources,
  isSecure: boolean,
  flags: readonly string[] = [],
): Promise<HelloServer> {
  const command = [program, 'plugin', ...(isSecure ? ['secure'] : [])]
  const options = { flags, ...(isSecure && { ca: identity.cert }) }
  const { port, stop } = await startHandoff(resources, command, options)
  return { port, pid: await answering(port, isSecure), stop }
}

async function answering(port: number, isSecure: boolean): Promise<number> {
  return Number(await answers(isSecure ? { port, ca: identity.cert } : port))
}
