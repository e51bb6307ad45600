// Brings this process to its limit on open descriptors, and back.

import { execFileSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync } from 'node:fs'

/** prlimit(1) of util-linux: Node itself cannot set a limit. */
export const canLimitDescriptors = existsSync('/usr/bin/prlimit')

/** Runs `body` while exactly `spare` more descriptors can be opened. */
export async function withDescriptorsLeft(
  spare: number,
  body: () => void | Promise<void>,
): Promise<void> {
  const before = limit()
  // The limit is on numbers, not on the count: the holes below it are filled first.
  setLimit(Math.max(...readdirSync('/proc/self/fd').map(Number)) + 16)
  const fillers: number[] = []
  try {
    fill(fillers)
    for (const fd of fillers.splice(0, spare)) closeSync(fd)
    await body()
  } finally {
    fillers.forEach((fd) => void closeSync(fd))
    setLimit(before)
  }
}

function fill(fillers: number[]): void {
  try {
    for (;;) fillers.push(openSync('/dev/null', 'r'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error
  }
}

function limit(): string {
  return prlimit('--output=SOFT', '--noheadings', '--nofile').trim()
}

function setLimit(soft: number | string): void {
  prlimit(`--nofile=${soft}:`)
}

function prlimit(...args: string[]): string {
  return execFileSync('prlimit', [`--pid=${process.pid}`, ...args], { encoding: 'utf8' })
}
