// After the commit, new side: batches of connections are acked, served, and followed while we may die.

import type { Gate } from '../connections/gate/gate.ts'
import { closeAll } from '../io/channel/wire.ts'
import type { Message, Messages } from '../protocol/messages.ts'
import { Arrivals } from './arrivals.ts'
import type { Carried } from './old-process.ts'
import { takeConnections } from './take-connections.ts'

export interface IntakeContext {
  /** The gate with the connections behind this listener, as the old process calls it. */
  gateOf(key: string): Gate | undefined
  /** Those whose connections the old process hears of. */
  gates(): Iterable<Gate>
  /** Whether connections can still be served here, or go on to a successor. */
  takesConnections(): boolean
  /** Resolves when the kernel has it, or nobody is there to hear it. */
  send(message: Message): Promise<void>
  fail(error: unknown): void
}

export class Intake {
  readonly #context: IntakeContext
  readonly #arrivals: Arrivals
  #received = 0

  constructor(context: IntakeContext) {
    this.#context = context
    this.#arrivals = new Arrivals({
      ended: (numbers) => context.send({ type: 'ended', numbers }),
      rested: (rests) => context.send({ type: 'rested', rests }),
    })
  }

  /** What the old process wants to hear of connections that it handed over. */
  begin({ accepts }: Messages['manifest']): void {
    this.#arrivals.tellRests(accepts?.includes('rested') ?? false)
  }

  /**
   * Once the gates are open. The ack comes before anything is read: unacked means untouched.
   *
   * @param opened - resolves when they are.
   */
  take({ message, descriptors }: Carried<'connections'>, opened: Promise<void>): void {
    const { gateOf, takesConnections, send, fail } = this.#context
    opened.then(
      () => {
        if (!takesConnections()) return closeAll(descriptors)
        this.#received += descriptors.length
        void send({ type: 'adopted', received: this.#received })
        try {
          takeConnections(message, descriptors, gateOf(message.key), this.#arrivals)
        } catch (error) {
          fail(error)
        }
      },
      () => closeAll(descriptors),
    )
  }

  /** The old process does not take back any more. */
  endRests(): void {
    this.#arrivals.tellRests(false)
    for (const { connections } of this.#context.gates()) connections?.stopRestReports()
  }
}
