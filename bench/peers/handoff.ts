// This project: Fastify with the plugin, and the same program without a line of ours in it.

import { cli, command } from '../../test/support/cli.ts'
import { freePort } from '../../test/support/free-port.ts'
import type { Output } from '../../test/support/output.ts'
import type { Resources } from '../core/resources.ts'
import { answers, end } from './answers.ts'
import { appCommand } from './app/app.ts'
import type { Peer, RunningPeer } from './peer.ts'

/** Fastify with the plugin under `handoff run`. */
export const handoff: Peer = {
  name: 'handoff',
  about: 'Fastify with fastify-socket-handoff under `handoff run`; the Node.js process is replaced',
  program: appCommand('plugin'),
  missing: () => undefined,
  start: (resources) => startHandoff(resources, appCommand('plugin')),
}

/** Fastify without the plugin under `handoff run`. */
export const handoffUnchanged: Peer = {
  name: 'handoff-unchanged',
  about: 'Fastify without our plugin under `handoff run`; the Node.js process is replaced',
  program: appCommand(),
  missing: () => undefined,
  start: (resources) => startHandoff(resources, appCommand()),
}

export interface HandoffPeer extends RunningPeer {
  /** Of the supervisor. */
  readonly pid: number
  reload(...flags: readonly string[]): Promise<void>
}

export interface HandoffOptions {
  /** Of `handoff run`. */
  readonly flags?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** Makes the first question HTTPS: the certificate of the server. */
  readonly ca?: Buffer
  /** Where the lines of supervisor and server go. The server must print `listening PID PORT`: its port may be another. */
  readonly output?: Output
}

/** Starts a program under `handoff run`, which passes the port on as `PORT`. */
export async function startHandoff(
  resources: Resources,
  program: readonly string[],
  { flags = [], env = {}, output, ca }: HandoffOptions = {},
): Promise<HandoffPeer> {
  const wanted = await freePort()
  const own = { NO_COLOR: '1', PORT: `${wanted}`, HANDOFF_DIR: resources.directory(), ...env }
  const args = [...command.args, 'run', '--name', 'bench', ...flags, ...program]
  const supervisor = resources.spawn(command.file, args, {
    env: { ...process.env, ...own },
    stdio: output === undefined ? 'ignore' : ['ignore', 'pipe', 'pipe'],
  })
  if (supervisor.stdout !== null) output?.collect(supervisor.stdout)
  if (supervisor.stderr !== null) output?.collect(supervisor.stderr, '! ')
  const printed = await output?.waitFor(/^listening \d+ (\d+)/)
  const port = Number(printed?.[1] ?? wanted)
  await answers(ca === undefined ? port : { port, ca })
  return {
    port,
    pid: supervisor.pid ?? 0,
    trigger: async () => void supervisor.kill('SIGHUP'),
    async reload(...flags) {
      const { exitCode, stdout, stderr } = await cli(['reload', 'bench', ...flags], own)
      if (exitCode !== 0) throw new Error(`the reload failed:\n${stdout}\n${stderr}`)
    },
    stop: () => end(supervisor),
  }
}
