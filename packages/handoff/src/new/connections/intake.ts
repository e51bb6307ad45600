// After the commit, new side: acks batches of connections, gives them to their servers, and reports on them.

import type { Gate } from '../../connections/gate/gate.ts'
import { closeAll } from '../../io/channel/wire.ts'
import type { Message, Messages } from '../../protocol/messages.ts'
import { adoptConnections } from './adopt-connections.ts'
import { Arrivals } from './arrivals.ts'

export interface IntakeContext {
  /** Returns the gate with the connections behind this listener, by the old process's key. */
  gateOf(key: string): Gate | undefined
  /** Returns the gates whose connections are reported to the old process. */
  gates(): Iterable<Gate>
  /** Whether connections can still be served here, or go on to a successor. */
  takesConnections(): boolean
  /** Resolves when the kernel has the message, or the old process is dead. */
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
      sendEnded: (numbers) => context.send({ type: 'ended', numbers }),
      sendRested: (rests) => context.send({ type: 'rested', rests }),
    })
  }

  /** Reads from the manifest whether the old process wants to know where connections come to rest. */
  begin({ accepts }: Messages['manifest']): void {
    this.#arrivals.reportsRests = accepts?.includes('rested') ?? false
  }

  /**
   * Takes a batch once the gates are open. Owns the descriptors. The ack comes before anything is
   * read: a connection without an ack is untouched.
   *
   * @param opened - resolves when the gates are open.
   */
  take(message: Messages['connections'], descriptors: number[], opened: Promise<void>): void {
    const { gateOf, takesConnections, send, fail } = this.#context
    opened.then(
      () => {
        if (!takesConnections()) return closeAll(descriptors)
        this.#received += descriptors.length
        void send({ type: 'adopted', received: this.#received })
        try {
          adoptConnections(message, descriptors, gateOf(message.key), this.#arrivals)
        } catch (error) {
          fail(error)
        }
      },
      () => closeAll(descriptors),
    )
  }

  /** Ends the reports: the old process does not take back any more. */
  endRests(): void {
    this.#arrivals.reportsRests = false
    for (const { connections } of this.#context.gates()) connections?.stopRestReports()
  }
}
