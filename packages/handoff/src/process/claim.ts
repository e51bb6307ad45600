// Decides which of two makes the handoff of this process: the program that imports us, or the preload.

import { HandoffError } from '../terms/errors.ts'

/** Shared by all copies of this package in one process: the command's own, and the program's. */
const key = Symbol.for('socket-handoff:claim')

interface Claim {
  by?: 'program' | 'preload'
  /** Makes the preload, if there is one, give way. */
  stepAside?: () => void
}

/** The object below `globalThis`: all copies of this package see it, and no program looks at it. */
const shared: { [key]?: Claim } = Object.getPrototypeOf(globalThis)
if (shared[key] === undefined) Object.defineProperty(shared, key, { value: {} })
const claim = shared[key] as Claim

/** Claims the handoff for the program: it imports the public surface. */
export function claimForProgram(): void {
  if (claim.by !== undefined) return
  claim.by = 'program'
  claim.stepAside?.()
}

/**
 * Claims the handoff for the preload: a server of the program listens.
 *
 * @returns whether the preload may make it.
 */
export function claimForPreload(): boolean {
  claim.by ??= 'preload'
  return claim.by === 'preload'
}

/** Whether the program makes the handoff itself. */
export function isProgramsOwn(): boolean {
  return claim.by === 'program'
}

/** Calls back when the program imports the public surface: immediately, if it has done so. */
export function onProgramClaim(stepAside: () => void): void {
  claim.stepAside = stepAside
  if (isProgramsOwn()) stepAside()
}

/** @throws {@link HandoffError} ERR_HANDOFF_ALREADY_CREATED if the preload has made the handoff. */
export function checkUnclaimed(): void {
  if (claim.by !== 'preload') return
  throw new HandoffError(
    'ERR_HANDOFF_ALREADY_CREATED',
    'cannot create a handoff: a server listened before socket-handoff was imported, and the preload made one',
  )
}
