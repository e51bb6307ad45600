// Programs of other people, each with a stack of TLS of its own or another use of it, over one connection.

import { expect, test } from 'vitest'
import { startRun } from '../../support/run.ts'
import type { Answer, Foreign, ForeignClient, Version } from '../../support/tls/foreign-client.ts'
import { foreignClients } from '../../support/tls/foreign-clients.ts'
import { RecordingProxy } from '../../support/tls/recording-proxy.ts'

const HANDOFFS = 3
/** The old process exits soon: its connections have left it then. */
const soon = ['--probation', '100ms']

const installed = foreignClients.filter(({ isInstalled }) => isInstalled)
const missing = foreignClients.filter(({ isInstalled }) => !isInstalled).map(({ name }) => name)
if (missing.length > 0) {
  console.log(
    `any-client-keeps-its-connection is without ${missing.join(', ')}: not installed here`,
  )
}

/** What one client saw, in a shape that is the same for every good one. */
interface Seen {
  /** Connections that the server saw after the first round, and not in it. */
  opened: number
  /** Sets of facts about the TLS socket. */
  facts: number
  /** Processes that answered, each a round. */
  processes: number
  whole: boolean
}

const good: Seen = { opened: 0, facts: 1, processes: HANDOFFS + 1, whole: true }

function seen([first = [], ...later]: Answer[][]): Seen {
  const all = [...first, ...later.flat()]
  const values = (answers: readonly Answer[], name: 'port' | 'tls' | 'pid') =>
    new Set(answers.map((answer) => answer[name]))
  const before = values(first, 'port')
  return {
    opened: [...values(later.flat(), 'port')].filter((port) => !before.has(port)).length,
    facts: values(all, 'tls').size,
    processes: values(all, 'pid').size,
    whole: all.every((answer) => answer.whole && answer.tls !== ''),
  }
}

/** One client, and its answers by round. */
class Asked {
  readonly name: string
  readonly rounds: Answer[][] = []
  #client: ForeignClient | undefined
  readonly #open: () => Promise<ForeignClient>

  constructor(foreign: Foreign, port: number, version: Version) {
    this.name = foreign.name
    this.#open = () => foreign.open({ port, version, rounds: HANDOFFS + 1 })
  }

  /** What goes wrong is an answer, too: the others go on. */
  async ask(): Promise<void> {
    try {
      this.#client ??= await this.#open()
      this.rounds.push(await this.#client.ask())
    } catch (error) {
      this.rounds.push([{ pid: '', port: `${error}`, tls: '', whole: false }])
    }
  }

  async close(): Promise<void> {
    await this.#client?.close()
  }
}

test.each<Version>(['TLSv1.3', 'TLSv1.2'])(
  `with %s each keeps its connection over ${HANDOFFS} handoffs`,
  async (version) => {
    const env = { TLS_OPTIONS: JSON.stringify({ minVersion: version, maxVersion: version }) }
    const run = await startRun('secure/http.mjs', { env, flags: soon })
    const proxy = await RecordingProxy.start(run.target.port ?? 0)
    const clients = installed.map((foreign) => new Asked(foreign, proxy.port, version))
    const askAll = () => Promise.all(clients.map((client) => client.ask()))

    await askAll()
    const { connections } = proxy
    for (let handoff = 0; handoff < HANDOFFS; handoff++) {
      await run.replace()
      await askAll()
    }

    const answers = Object.fromEntries(clients.map(({ name, rounds }) => [name, rounds]))
    const all = Object.fromEntries(clients.map(({ name, rounds }) => [name, seen(rounds)]))
    const expected = Object.fromEntries(clients.map(({ name }) => [name, good]))
    expect(all, JSON.stringify(answers, null, 1)).toEqual(expected)
    expect(proxy.faults).toEqual([])
    expect(proxy.connections).toBe(connections)
    expect(proxy.bytes).toBeGreaterThan(HANDOFFS * 2 ** 23)
    await Promise.all(clients.map((client) => client.close()))
    await run.stop()
  },
)
