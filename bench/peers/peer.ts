// What a peer is: a program that replaces its processes while clients are connected.

import type { Resources } from '../core/resources.ts'

export interface Peer {
  /** As `--peers` names it. */
  readonly name: string
  /** What serves, and what is replaced by a reload: peers do not all do the same work. */
  readonly about: string
  /** Arguments of Node.js for the program that a reload replaces, if it is one in Node.js. */
  readonly program?: readonly string[]
  /** Whether it starts its serving process again after a crash. */
  readonly startsAgain?: boolean
  /** Whether nothing is replaced: a floor for suites that measure only what clients notice. */
  readonly isReference?: boolean
  /** Returns undefined if it is installed, else how to install it. */
  missing(): string | undefined
  start(resources: Resources): Promise<RunningPeer>
}

export interface RunningPeer {
  readonly port: number
  /** Starts a reload in the cheapest way that there is, and resolves when it was started. */
  trigger(): Promise<void>
  /** Reloads, and resolves when the new generation answers and the peer reports the end, if it does. */
  reload(): Promise<void>
  stop(): Promise<void>
}
