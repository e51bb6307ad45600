// The line of generations by the kernel's word: which older processes still live.

import { Channel } from '../io/channel/channel.ts'
import { closeAll } from '../io/channel/wire.ts'
import { describe, socketPair } from '../io/native/descriptors.ts'
import { descriptorLimit } from '../protocol/codec.ts'
import type { Messages } from '../protocol/messages.ts'
import { HandoffError } from '../terms/errors.ts'

type Process = Messages['older']['processes'][number]

/**
 * With more older processes than this, one that is drained does not stay for those before it. Each has
 * the memory of a whole server.
 */
const mostAwaited = 5

/** A message by which each process of the line passes on the older ones. */
export interface Lives {
  message: { type: 'older' } & Messages['older']
  /** They stay this process's. */
  descriptors: number[]
}

/**
 * Each process holds one end of a socket pair until it ends, and every younger process gets the other
 * end. No byte is ever sent there. So the kernel reports to each of them when an older process has
 * ended, whatever happened to those between.
 */
export class GenerationLine {
  readonly #onChange: () => void
  readonly #older = new Map<Channel, Process>()
  #own: { life: Channel; copy: Channel } | undefined
  #isKnown = false

  /** @param onChange - called when an older process has ended. */
  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  /** Adds this process to the line. */
  open(): void {
    const [life, copy] = socketPair()
    this.#own = { life: Channel.from(life), copy: Channel.from(copy) }
  }

  /** The older processes that still live. */
  get older(): Process[] {
    return [...this.#older.values()]
  }

  /** Whether so few older processes live that this one may stay for them, once it is drained. */
  get mayAwaitOlder(): boolean {
    return this.#older.size <= mostAwaited
  }

  /** Whether the old process has sent the older ones; one in another language may not. */
  get isKnown(): boolean {
    return this.#isKnown
  }

  /**
   * Takes the older processes from the old one. Owns the descriptors.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_DESCRIPTOR_MISMATCH.
   */
  receive({ processes }: Messages['older'], descriptors: number[]): void {
    const fits = descriptors.length === processes.length && descriptors.every(isLife)
    if (!fits) {
      closeAll(descriptors)
      throw new HandoffError(
        'ERR_HANDOFF_DESCRIPTOR_MISMATCH',
        'cannot receive the line of generations: a descriptor is not the life of a process',
        { stage: 'receive' },
      )
    }
    this.#isKnown = true
    processes.forEach((process, index) => {
      this.#watch(process, Channel.from(descriptors[index] as number))
    })
  }

  /** Returns what the next process has to know: the older processes, and this one. */
  lives(self: Process): Lives[] {
    const all = [...this.#older].map(([{ fd }, process]) => ({ process, fd }))
    if (this.#own !== undefined) all.push({ process: self, fd: this.#own.copy.fd })
    const batches: Lives[] = []
    for (let first = 0; first < all.length; first += descriptorLimit) {
      const batch = all.slice(first, first + descriptorLimit)
      batches.push({
        message: { type: 'older', processes: batch.map(({ process }) => process) },
        descriptors: batch.map(({ fd }) => fd),
      })
    }
    return batches
  }

  /** Leaves the line: younger processes learn that this one has ended. */
  end(): void {
    this.#own?.life.close()
    this.#own?.copy.close()
    this.#own = undefined
    for (const channel of this.#older.keys()) channel.close()
    this.#older.clear()
  }

  #watch(process: Process, channel: Channel): void {
    this.#older.set(channel, process)
    channel.unref()
    void channel.discard().then(() => {
      channel.close()
      if (this.#older.delete(channel)) this.#onChange()
    })
  }
}

function isLife(fd: number): boolean {
  const { family, type, listening } = describe(fd)
  return family === 'unix' && type === 'stream' && !listening
}
