// Sends notifications to the supervisor or systemd in order, and waits while their queue is full.

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

/** How long a receiver may take to answer a barrier, in milliseconds. A receiver without barriers never answers. */
const barrierTimeoutMs = 1_000

/** Errors that mean no room for a datagram, or for one more descriptor in flight (unix(7)). */
const full: readonly (string | undefined)[] = ['EAGAIN', 'ENOBUFS', 'ETOOMANYREFS']

/**
 * How many notifications may wait for a receiver that does not read, some hundred bytes each. A handoff makes
 * about ten.
 */
const mostUnsent = 2_000

/**
 * How often a datagram is retried if its path does not exist, each {@link retryMs}: 2 seconds. A supervisor
 * creates its directory again within half a second.
 */
const mostMisses = 100

/** Events that may be dropped: the status that follows has the state. */
const passing: ReadonlySet<string> = new Set(['stage', 'warning', 'aborted', 'joined', 'drained'])

/** One datagram. */
export interface Notification {
  readonly fields: NotifyFields
  readonly event?: HandoffEvent
  /** Returns the descriptor to send. Undefined: it was closed meanwhile, and nothing is sent. */
  readonly descriptor?: () => number | undefined
  /** Called when the notification was sent or dropped. */
  readonly onDone?: () => void
}

export class Notifier {
  readonly #system: Pick<System, 'timer'>
  readonly #socket: string | undefined
  #unsent: Notification[] = []
  #retry: Timer | undefined
  /** How often in a row the path did not exist. */
  #misses = 0

  /** @param socket - NOTIFY_SOCKET; undefined: nothing is sent. */
  constructor(system: Pick<System, 'timer'>, socket: string | undefined) {
    this.#system = system
    this.#socket = socket
  }

  /**
   * Sends a notification after those that wait. Of each kind of status only the newest waits. If too many
   * wait, the oldest event that may be dropped is dropped.
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
   * Resolves when the receiver has read all notifications that were sent before.
   *
   * @see sd_notify_barrier(3): the receiver closes the descriptor that comes with BARRIER=1.
   */
  async barrier(): Promise<void> {
    if (this.#socket === undefined) return
    const [ours, theirs] = socketPair()
    const end = Channel.from(ours)
    const deadline = this.#system.timer(barrierTimeoutMs, () => end.close())
    this.send({
      fields: { BARRIER: '1' },
      descriptor: () => theirs,
      onDone: () => close(theirs),
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
    dropped?.onDone?.()
    debug('too many notifications wait: dropped one')
  }

  /** Retries later if the queue of the receiver is full (unix(7), net.unix.max_dgram_qlen). */
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
      next.onDone?.()
      // The server serves on without its supervisor. A new supervisor binds the same path.
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

/** Whether the notification has only the text for `systemctl status`. */
function isStatusText({ fields, event }: Notification): boolean {
  const [name, ...more] = Object.keys(fields)
  return name === 'STATUS' && more.length === 0 && event === undefined
}
