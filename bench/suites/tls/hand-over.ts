// How long idle connections take to change process, over TLS and in clear text, and what each holds of the memory.

import type net from 'node:net'
import { send } from '../../../test/support/load/send.ts'
import type { Resources } from '../../core/resources.ts'
import type { Sample } from '../../core/suite.ts'
import { ask, openIdle } from '../../load/idle.ts'
import { Generation } from '../../peers/generation.ts'
import { identity } from '../../programs/identity.ts'

/** They are opened and closed before anything is measured: what the first ones bring is no cost of each. */
const WARM = 200

interface HandOver {
  readonly count: number
  readonly isSecure: boolean
  readonly resources: Resources
}

/** What the process that has the connections holds of the memory, in bytes. */
interface Taken {
  /** By one connection of the old process. */
  readonly each: number
  readonly elapsedMs: number
  readonly alive: number
  /** All of the new process, before and after each connection was used. */
  readonly parked: number
  readonly used: number
}

/**
 * Hands idle connections over.
 *
 * @remarks A process does not give back all memory of connections that have ended. So the new process is compared with
 * one that has taken over from a process without connections.
 */
export async function measureHandOver({
  run,
  ...options
}: HandOver & { run: number }): Promise<Sample[]> {
  const { count, isSecure } = options
  const without = await handOver({ ...options, count: 0 })
  const taken = await handOver(options)
  const name = `${count.toLocaleString('en')} idle, ${isSecure ? 'TLS' : 'clear text'}`
  const perOne = (bytes: number) => bytes / count / 1_024
  const each = (taken.elapsedMs / count) * 1_000
  const memory = {
    moved: perOne(taken.parked - without.parked),
    used: perOne(taken.used - without.used),
  }
  const { alive } = taken
  return [
    { case: name, subject: 'not moved', run, figures: { memory: perOne(taken.each * count) } },
    {
      case: name,
      subject: 'moved',
      run,
      figures: { each, memory: memory.moved, alive, opened: count },
    },
    { case: name, subject: 'moved, and used', run, figures: { memory: memory.used } },
  ]
}

async function handOver({ count, isSecure, resources }: HandOver): Promise<Taken> {
  const directory = resources.directory()
  const ca = isSecure ? identity.cert : undefined
  let old = new Generation(resources, directory, { isSecure })
  const sockets: net.Socket[] = []
  try {
    const port = await old.port()
    const target = ca === undefined ? { port } : { port, ca }
    const memory = async () => Number((await send(target, { path: '/memory' })).text)
    const warm = async () => {
      for (const socket of await openIdle(port, WARM, ca)) socket.destroy()
    }
    await warm()
    const empty = await memory()
    sockets.push(...(await openIdle(port, count, ca)))
    const full = await memory()
    const next = new Generation(resources, directory, { isSecure })
    const began = await old.commit()
    const ended = await old.event('drained')
    await next.event('serving')
    await old.exited
    old = next
    await warm()
    const parked = await memory()
    const replies = await Promise.allSettled(sockets.map(ask))
    const used = await memory()
    return {
      each: count === 0 ? 0 : (full - empty) / count,
      elapsedMs: ended.elapsedMs - began.elapsedMs,
      alive: replies.filter(({ status }) => status === 'fulfilled').length,
      parked,
      used,
    }
  } finally {
    for (const socket of sockets) socket.destroy()
    await old.stop()
  }
}
