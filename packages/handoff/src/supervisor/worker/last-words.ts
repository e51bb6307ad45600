// What processes tell of their end before it has come.

import type { Report } from '../registry/event.ts'

export class LastWords {
  readonly #words = new Map<number, string>()

  heard(pid: number, { exception, words }: Report): void {
    // Where both are told, the exception says why.
    const told = exception ?? this.#words.get(pid) ?? words
    if (told !== undefined) this.#words.set(pid, told)
  }

  /** The process has ended: gives its words, and forgets them. */
  take(pid: number): string | undefined {
    const words = this.#words.get(pid)
    this.#words.delete(pid)
    return words
  }
}
