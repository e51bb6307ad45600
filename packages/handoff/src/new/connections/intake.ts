// After the commit, new side: acks batches of connections, gives them to their servers, and reports on them.

import type { Gate } from '../../connections/gate/gate.ts'
import type { PositionFile } from '../../io/channel/position-file.ts'
import { closeAll } from '../../io/channel/wire.ts'
import { reserveDescriptors } from '../../io/native/descriptors.ts'
import type { Message, Messages } from '../../protocol/messages.ts'
import { adoptConnections, connectionsIn } from './adopt-connections.ts'
import { Arrivals } from './arrivals.ts'

/** What the process around it does with connections. */
export interface PassingContext {
  /** Whether connections can still be served here, or go on to a successor. */
  takesConnections(): boolean
  /** The old process passes no more connections on. */
  noMoreConnections(): void
}

export interface IntakeContext extends PassingContext {
  /** Returns the gate with the connections behind this listener, by the old process's key. */
  gateOf(key: string): Gate | undefined
  /** Returns the gates whose connections are reported to the old process. */
  gates(): Iterable<Gate>
  /** Resolves when the kernel has the message, or the old process is dead. */
  send(message: Message): Promise<void>
  fail(error: unknown): void
}

export class Intake {
  readonly #context: IntakeContext
  readonly #arrivals: Arrivals
  #received = 0
  /** Whether the old process passes connections on after its release, too. */
  #relays = false
  #declined = false
  #ended = false

  constructor(context: IntakeContext) {
    this.#context = context
    this.#arrivals = new Arrivals({
      sendEnded: (numbers) => context.send({ type: 'ended', numbers }),
      sendRested: (rests) => context.send({ type: 'rested', rests }),
    })
  }

  /**
   * Reads from the manifest what the old process knows of connections.
   *
   * @param reportsRests - whether this process reports where they come to rest.
   * @param positions - where it writes that. Without it, or where there is no room, it sends messages. Owns it.
   */
  begin(
    { accepts = [], connections = 0 }: Messages['manifest'],
    {
      reportsRests = true,
      positions,
    }: { reportsRests?: boolean; positions?: PositionFile | undefined } = {},
  ): void {
    const knowsProgress = accepts.includes('tls-positions')
    if (knowsProgress) positions?.useLongRecords()
    this.#arrivals.wantsWholeItems = !knowsProgress
    this.#arrivals.writesTo(positions)
    this.#arrivals.reportsRests = reportsRests && accepts.includes('rested')
    this.#relays = accepts.includes('declined')
    reserveDescriptors(connections)
  }

  /** Whether the old process may pass connections on, although it is released. */
  get expectsMore(): boolean {
    return this.#relays && !this.#declined && !this.#ended
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
        if (!takesConnections()) this.decline()
        if (this.#declined) return closeAll(descriptors)
        this.#received += connectionsIn(message, descriptors)
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

  /**
   * Takes no more connections: the released old process serves them to their end. It serves those again
   * that have no ack.
   */
  decline(): void {
    if (this.#declined) return
    if (this.expectsMore) void this.#context.send({ type: 'declined' })
    this.#declined = true
    this.#context.noMoreConnections()
  }

  /** Ends the reports: the old process does not take back any more. */
  endRests(): void {
    this.#arrivals.reportsRests = false
    for (const { connections } of this.#context.gates()) connections?.stopRestReports()
  }

  /** The old process has no connection left, or its channel has ended. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#context.noMoreConnections()
  }
}
