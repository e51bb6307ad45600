// The line of generations as the kernel knows it: which older processes still live, this one's own life.

import { Channel } from '../io/channel/channel.ts'
import { closeAll } from '../io/channel/wire.ts'
import { describe, socketPair } from '../io/native/descriptors.ts'
import { descriptorLimit } from '../protocol/codec.ts'
import type { Messages } from '../protocol/messages.ts'
import { HandoffError } from '../terms/errors.ts'

type Process = Messages['older']['processes'][number]

/** What every process of the line passes on to the next. */
export interface Lives {
  message: { type: 'older' } & Messages['older']
  /** They stay the line's. */
  descriptors: number[]
}

/**
 * Each process holds one end of a socket pair until its end; every younger one gets the other.
 * Nothing is ever said there. So the kernel tells each of them when an older one has gone,
 * whatever became of those between.
 */
export class Line {
  readonly #onChange: () => void
  readonly #older = new Map<Channel, Process>()
  #own: { life: Channel; copy: Channel } | undefined
  #told = false

  /** @param onChange - told when an older process has gone. */
  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  /** This process takes its place. */
  open(): void {
    const [life, copy] = socketPair()
    this.#own = { life: Channel.from(life), copy: Channel.from(copy) }
  }

  /** The older processes that still live. */
  get older(): Process[] {
    return [...this.#older.values()]
  }

  /** Whether the old process has told of the older ones; one in another language may not. */
  get told(): boolean {
    return this.#told
  }

  /**
   * Takes what the old process passes on. Owns the descriptors.
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
    this.#told = true
    processes.forEach((process, index) => {
      this.#watch(process, Channel.from(descriptors[index] as number))
    })
  }

  /** What the next process has to know: the older ones, and this one. */
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

  /** This process's part is over: younger ones take it for gone. */
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
