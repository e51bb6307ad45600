// Who makes the handoff of this process: the program that imports us, or the preload in its place.

import { HandoffError } from '../terms/errors.ts'

/** Shared by all copies of this package in one process: the command's own, and the program's. */
const key = Symbol.for('socket-handoff:claim')

interface Claim {
  by?: 'program' | 'preload'
  /** The preload, if there is one, gives way. */
  stepAside?: () => void
}

/** What all of them can see, and no program looks at: the object below `globalThis`. */
const shared: { [key]?: Claim } = Object.getPrototypeOf(globalThis)
if (shared[key] === undefined) Object.defineProperty(shared, key, { value: {} })
const claim = shared[key] as Claim

/** The program imports the public surface: it says itself what is handed over. */
export function claimForProgram(): void {
  if (claim.by !== undefined) return
  claim.by = 'program'
  claim.stepAside?.()
}

/**
 * The preload is about to make the handoff, for a server that listens.
 *
 * @returns whether it may.
 */
export function claimForPreload(): boolean {
  claim.by ??= 'preload'
  return claim.by === 'preload'
}

export function isProgramsOwn(): boolean {
  return claim.by === 'program'
}

/** Runs when the program imports the public surface, which may have been. */
export function onProgramClaim(stepAside: () => void): void {
  claim.stepAside = stepAside
  if (isProgramsOwn()) stepAside()
}

/** @throws {@link HandoffError} ERR_HANDOFF_ALREADY_CREATED where the preload has made the handoff. */
export function checkUnclaimed(): void {
  if (claim.by !== 'preload') return
  throw new HandoffError(
    'ERR_HANDOFF_ALREADY_CREATED',
    'cannot create a handoff: a server listened before socket-handoff was imported, and the preload made one',
  )
}
