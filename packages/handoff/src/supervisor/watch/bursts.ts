// Reports changes of files in bursts, and a change that came after the report once more.

import { statSync } from 'node:fs'

/** How long a single file must not change before it is reported, in milliseconds: it may be half written. */
const singleMs = 20
/** The same for several files, and for an empty one: a checkout, a formatter or a compiler is at work. */
const severalMs = 100
/**
 * When the files of a burst are compared with what they were at the report, in milliseconds after it. The watcher
 * (chokidar) drops changes of a file within 50 ms of another one.
 */
const checkMs = 150

export class Bursts {
  readonly #onChange: (path: string) => void
  readonly #paths = new Set<string>()
  /** What each file was when it was reported last. */
  readonly #reported = new Map<string, string>()
  #timer: NodeJS.Timeout | undefined
  readonly #checks = new Set<NodeJS.Timeout>()

  /** @param onChange - called once for each burst, with one of its paths. */
  constructor(onChange: (path: string) => void) {
    this.#onChange = onChange
  }

  /** The file was written, created or removed. */
  add(path: string): void {
    this.#paths.add(path)
    const isSingle = this.#paths.size === 1 && versionOf(path).size > 0
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#report(path), isSingle ? singleMs : severalMs)
  }

  close(): void {
    clearTimeout(this.#timer)
    for (const check of this.#checks) clearTimeout(check)
  }

  #report(path: string): void {
    const paths = [...this.#paths]
    for (const one of paths) this.#reported.set(one, versionOf(one).text)
    this.#paths.clear()
    const check = setTimeout(() => {
      this.#checks.delete(check)
      for (const one of paths) if (this.#isUnnoticed(one)) this.add(one)
    }, checkMs)
    this.#checks.add(check)
    this.#onChange(path)
  }

  /** Whether a file has changed since its last report, and is not about to be reported. */
  #isUnnoticed(path: string): boolean {
    return !this.#paths.has(path) && versionOf(path).text !== this.#reported.get(path)
  }
}

/** What changes with each write; the size of a file that does not exist counts as one. */
function versionOf(path: string): { readonly size: number; readonly text: string } {
  try {
    const { size, mtimeMs, ino } = statSync(path)
    return { size, text: `${ino} ${size} ${mtimeMs}` }
  } catch {
    return { size: 1, text: 'none' }
  }
}
