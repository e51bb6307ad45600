// Makes the servers and sockets of this process listen, on listeners that were received or bound.

import type { Socket as DatagramSocket } from 'node:dgram'
import type { Server } from 'node:net'
import type { Gate } from '../../connections/gate/gate.ts'
import { gatesJoinedTo } from '../../connections/gate/joined-gate.ts'
import type { OptIns } from '../../connections/opt-ins.ts'
import type { ReceivedTicketKeys } from '../../connections/tls/ticket-keys.ts'
import type { Holdings } from '../../generation/holdings.ts'
import { type ListenOptions, readListenArguments } from '../../io/node/listen-arguments.ts'
import type { System } from '../../io/system/system.ts'
import type { Birth } from '../../new/birth.ts'
import { errorOfDeath } from '../../new/death-error.ts'
import type { ServiceManager } from '../../notify/service-manager.ts'
import type { Succession } from '../../old/succession.ts'
import { HandoffError } from '../../terms/errors.ts'
import { adoptServer } from './adopt-server.ts'
import { adoptSocket, type BindSocketOptions } from './adopt-socket.ts'
import type { Adoption } from './adoption.ts'

/**
 * How long a server may listen without a descriptor, in milliseconds. One that only tries its port closes
 * within a few turns of the event loop.
 */
const probeMs = 1_000

export interface ListeningContext {
  readonly system: System
  readonly holdings: Holdings
  readonly optIns: OptIns
  readonly ticketKeys: ReceivedTicketKeys
  readonly birth: Birth
  readonly succession: Succession
  readonly manager: ServiceManager
  onWarning(message: string): void
}

export class Listening {
  readonly #context: ListeningContext
  readonly #adoption: Adoption
  #unnamed = 0
  #error: unknown

  constructor(context: ListeningContext) {
    const { system, holdings, optIns, ticketKeys, birth, succession, manager } = context
    this.#context = context
    this.#adoption = {
      listeners: holdings.listeners,
      gates: holdings.gates,
      system,
      optIns,
      // The first generation serves from its first listen, as any server does.
      accept: () => birth.accepts || birth.replaces === null,
      checkOpen: () => this.#checkOpen(),
      whenAddressFree: () => manager.settled(),
      noteError: (error) => {
        this.#error = error
      },
      nextName: () => String(++this.#unnamed),
      ticketKeys,
      handlers: {
        fates: holdings.fates,
        onClose: (gate) => {
          holdings.closeGate(gate, succession.state === 'serving')
          for (const other of gatesJoinedTo(gate, holdings.gates)) {
            other.shut()
            holdings.closeGate(other, false)
          }
          manager.follow()
          succession.checkDrained()
        },
        onEmpty: (gate) => {
          holdings.noteEmpty(gate)
          succession.checkDrained()
        },
        onQuiescent: () => succession.recheckConnections(),
        onWarning: context.onWarning,
      },
    }
  }

  /** Why the last listen failed: if that ends the process, the operator learns of it. */
  get error(): unknown {
    return this.#error
  }

  /** @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION, ERR_HANDOFF_LISTEN_STATE. */
  async listen(server: Server, options: ListenOptions): Promise<void> {
    const call = readListenArguments([options])
    if (call === undefined) {
      throw new HandoffError(
        'ERR_HANDOFF_INVALID_OPTION',
        'cannot listen: give a port from 0 to 65535, a path or an fd',
      )
    }
    if (server.listening) {
      throw new HandoffError('ERR_HANDOFF_LISTEN_STATE', 'cannot listen: the server does already')
    }
    await this.adopt(server, call.options)
  }

  /**
   * As {@link listen}, with options that have been read.
   *
   * @param how - `mayProbe`: for a program that does not import this package. `own`: lets Node.js
   * bind the server.
   */
  async adopt(
    server: Server,
    options: ListenOptions,
    { mayProbe = false, own }: { mayProbe?: boolean; own?: () => void } = {},
  ): Promise<void> {
    const adoption = { ...this.#adoption, mayProbe }
    const gate = await this.#keepError(adoptServer(server, options, adoption, own))
    if (gate?.held.refusal !== undefined) return this.#limitProbe(gate)
    this.#context.manager.follow()
    // The commit may have come meanwhile.
    if (!this.#adoption.accept() || gate === undefined) return
    const joined = gatesJoinedTo(gate, this.#context.holdings.gates)
    await Promise.all([gate, ...joined].map((each) => each.open()))
  }

  async bind(socket: DatagramSocket, options: BindSocketOptions): Promise<void> {
    const gate = await this.#keepError(adoptSocket(socket, options, this.#adoption))
    this.#context.manager.follow()
    if (this.#adoption.accept()) await gate?.open()
  }

  /** Fails the start if a server still listens without a descriptor. */
  checkProbes(): void {
    const { holdings, birth } = this.#context
    for (const { held } of holdings.gates) {
      const { refusal } = held
      if (refusal === undefined) continue
      this.#error = refusal
      const serving = birth.replaces === null ? 'none' : 'old'
      birth.fail(errorOfDeath({ code: 1 }, refusal, serving))
    }
  }

  #limitProbe(gate: Gate): void {
    const { system, holdings } = this.#context
    const check = () => {
      if (holdings.gates.has(gate)) this.checkProbes()
    }
    system.timer(probeMs, check, true)
  }

  async #keepError<T>(adopted: Promise<T>): Promise<T> {
    try {
      return await adopted
    } catch (error) {
      this.#error = error
      throw error
    }
  }

  #checkOpen(): void {
    const { birth, succession } = this.#context
    const open = succession.state !== 'commit' && succession.isBeforeCommit
    if (open && birth.state !== 'aborted') return
    throw new HandoffError('ERR_HANDOFF_LISTEN_STATE', 'cannot listen: this process is ending')
  }
}
