// Clients of TLS that no one here wrote: each keeps one connection, and asks on it when a test says so.

import { spawnSync } from 'node:child_process'

/** What the server said of the connection that a request came over, and whether the reply was whole. */
export interface Answer {
  /** The process that answered. */
  pid: string
  /** The client's end of the connection, as the server sees it. */
  port: string
  /** What the server's program can ask of the socket, as JSON. */
  tls: string
  whole: boolean
}

export type Version = 'TLSv1.2' | 'TLSv1.3'

export interface ForeignClient {
  /** Sends a round of requests, and resolves with the answers. */
  ask(): Promise<Answer[]>
  /** Closes the connection; resolves when the program has ended. */
  close(): Promise<void>
}

export interface ClientOptions {
  port: number
  version: Version
  /** How many rounds it will be asked for: a program may have to know that before. */
  rounds: number
}

export interface Foreign {
  name: string
  /** Whether this machine has it. */
  isInstalled: boolean
  open(options: ClientOptions): Promise<ForeignClient>
}

/** Whether a program can be started with these arguments. */
export function runs(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}

/** An answer out of the headers of a reply. */
export function answerOf(head: string, whole: boolean): Answer {
  const value = (name: string) => new RegExp(`^x-${name}: (.*?)\\r?$`, 'im').exec(head)?.[1] ?? ''
  return { pid: value('pid'), port: value('port'), tls: value('tls'), whole }
}
