// A raw tls.Server that opted in: its connections go over between two lines, with the state of each.

import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { Output } from '../../support/output.ts'
import { gone } from '../../support/process-facts.ts'
import { startRun } from '../../support/run.ts'
import { plainly, RecordClient } from '../../support/tls/record-client.ts'

const HANDOFFS = 3
/** A line that has begun keeps the old process in its ramp for so long; it exits soon after its connections have left. */
const soon = ['--ramp', '300ms', '--probation', '100ms']

/** Numbered lines, half of them before a handoff and half after it. */
class LineClient {
  readonly heard = new Output()
  readonly #client: RecordClient
  #lines = 0

  constructor(port: number, version: 'TLSv1.2' | 'TLSv1.3') {
    const updates = ['no', 'own', 'both'] as const
    this.#client = new RecordClient({ port, version }, { ...plainly, sizes: [3, 1000], updates })
    this.#client.on('error', (error) => this.heard.lines.push(`${error}`))
    this.heard.collect(this.#client)
    onTestFinished(() => void this.#client.destroy())
  }

  async open(): Promise<void> {
    await once(this.#client, 'connect')
  }

  begin(text: string): void {
    this.#client.write(text)
  }

  /** Ends the line that has begun, and resolves with the answer. */
  async end(text: string): Promise<{ line: string; lines: number } & Record<string, unknown>> {
    this.#client.write(`${text}\n`)
    const [answer] = await this.heard.waitFor(/^\{.*/, { from: this.#lines++ })
    return JSON.parse(answer)
  }
}

test.each(['TLSv1.3', 'TLSv1.2'] as const)(
  `with %s lines keep their count over ${HANDOFFS} handoffs`,
  async (version) => {
    const run = await startRun('secure/raw.mjs', { flags: soon })
    const { port = 0 } = run.target
    const [resting, busy] = [new LineClient(port, version), new LineClient(port, version)]
    await Promise.all([resting.open(), busy.open()])
    const first = await resting.end('first')
    let old = Number(first['x-pid'])
    for (let handoff = 1; handoff <= HANDOFFS; handoff++) {
      // This one is at rest only once its line has ended: it goes over after the others.
      busy.begin('half a ')
      await run.reloadWell()
      const whole = await busy.end(`line ${handoff}`)
      await gone(old)
      expect(whole).toMatchObject({ line: `half a line ${handoff}`, lines: handoff })
      const answer = await resting.end(`again ${handoff}`)
      expect(answer).toMatchObject({ line: `again ${handoff}`, lines: handoff + 1 })
      for (const fact of ['x-port', 'x-tls']) expect(answer[fact]).toEqual(first[fact])
      expect(answer['x-pid']).not.toBe(old)
      old = Number(answer['x-pid'])
    }
    await run.stop()
  },
)
