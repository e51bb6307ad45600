// What is told to a supervisor or to systemd, in its order, even while their queue is full.

import { debuglog } from 'node:util'
import { Channel } from '../io/channel/channel.ts'
import { notify } from '../io/channel/notify-socket.ts'
import { close, socketPair } from '../io/native/descriptors.ts'
import type { System, Timer } from '../io/system/system.ts'
import { aliveField, type NotifyFields } from '../protocol/notify.ts'
import type { HandoffEvent } from '../terms/events.ts'

const debug = debuglog('handoff')

/** How long to wait for room in the receiver's queue, in milliseconds. */
const retryMs = 20

/** How long a receiver may take to follow, in milliseconds; one without barriers never does. */
const barrierTimeoutMs = 1_000

/** No room for a datagram, or for one more descriptor on its way (unix(7)). */
const full: readonly (string | undefined)[] = ['EAGAIN', 'ENOBUFS', 'ETOOMANYREFS']

/**
 * How many notifications wait at most for a receiver that does not read, some hundred bytes each. A
 * handoff makes about ten.
 */
const mostUnsent = 2_000

/**
 * How often a datagram is tried whose path is not there, each {@link retryMs} after the one before: 2 seconds.
 * A supervisor whose directory was removed makes it anew within half a second.
 */
const mostMisses = 100

/** Events that a receiver can do without: the status that follows says how things stand. */
const passing: ReadonlySet<string> = new Set(['stage', 'warning', 'aborted', 'joined', 'drained'])

/** One datagram. */
export interface Notification {
  readonly fields: NotifyFields
  readonly event?: HandoffEvent
  /** Gives the descriptor that goes with it; undefined if that was closed meanwhile: nothing goes. */
  readonly descriptor?: () => number | undefined
  /** Told when it has gone, or has got lost. */
  readonly gone?: () => void
}

export class Notifier {
  readonly #system: Pick<System, 'timer'>
  readonly #socket: string | undefined
  #unsent: Notification[] = []
  #retry: Timer | undefined
  /** How often in a row the path was not there. */
  #misses = 0

  /** @param socket - NOTIFY_SOCKET; where there is none, nothing is sent. */
  constructor(system: Pick<System, 'timer'>, socket: string | undefined) {
    this.#system = system
    this.#socket = socket
  }

  /**
   * Sends it after what waits; of statuses, of each kind, only the newest waits. If too many wait, the
   * oldest event that a receiver can do without is dropped.
   */
  send(notification: Notification): void {
    if (this.#socket === undefined) return
    if (notification.event?.type === 'status') {
      this.#unsent = this.#unsent.filter(({ event }) => event?.type !== 'status')
    }
    if (aliveField in notification.fields) {
      this.#unsent = this.#unsent.filter(({ fields }) => !(aliveField in fields))
    }
    if (isStatusText(notification)) {
      this.#unsent = this.#unsent.filter((waiting) => !isStatusText(waiting))
    }
    if (this.#unsent.length >= mostUnsent) this.#dropOldest()
    this.#unsent.push(notification)
    if (this.#retry === undefined) this.#send()
  }

  /**
   * Waits until the receiver has taken note of all that was sent before.
   *
   * @see sd_notify_barrier(3): it closes the descriptor that comes with BARRIER=1.
   */
  async barrier(): Promise<void> {
    if (this.#socket === undefined) return
    const [ours, theirs] = socketPair()
    const end = Channel.from(ours)
    const deadline = this.#system.timer(barrierTimeoutMs, () => end.close())
    this.send({
      fields: { BARRIER: '1' },
      descriptor: () => theirs,
      gone: () => close(theirs),
    })
    await end.discard()
    deadline.cancel()
    end.close()
  }

  #dropOldest(): void {
    const index = this.#unsent.findIndex(({ fields, event }) => {
      const saysMore = Object.keys(fields).some((name) => name !== 'STATUS')
      return event !== undefined && passing.has(event.type) && !saysMore
    })
    const [dropped] = this.#unsent.splice(Math.max(0, index), 1)
    dropped?.gone?.()
    debug('too many notifications wait: one is dropped')
  }

  /** A receiver that is busy has a full queue (unix(7), net.unix.max_dgram_qlen): then later. */
  #send(): void {
    for (let next = this.#unsent[0]; next !== undefined; next = this.#unsent[0]) {
      const failed = this.#notify(next)
      const { code } = (failed ?? {}) as NodeJS.ErrnoException
      this.#misses = code === 'ENOENT' ? this.#misses + 1 : 0
      const mayComeBack = code === 'ENOENT' && this.#misses < mostMisses
      if (full.includes(code) || (mayComeBack && !('BARRIER' in next.fields))) {
        this.#retry = this.#system.timer(
          retryMs,
          () => {
            this.#retry = undefined
            this.#send()
          },
          true,
        )
        return
      }
      this.#unsent.shift()
      next.gone?.()
      // Without its supervisor the server serves on; a new supervisor binds the same path again.
      if (failed !== undefined) debug('cannot notify: %s', failed.message)
    }
  }

  #notify({ fields, event, descriptor }: Notification): Error | undefined {
    const about = event === undefined ? {} : { event }
    if (descriptor === undefined) return notify(this.#socket, fields, about)
    const fd = descriptor()
    return fd === undefined ? undefined : notify(this.#socket, fields, { descriptors: [fd] })
  }
}

/** Whether all that it says is what `systemctl status` shows. */
function isStatusText({ fields, event }: Notification): boolean {
  const [name, ...more] = Object.keys(fields)
  return name === 'STATUS' && more.length === 0 && event === undefined
}
