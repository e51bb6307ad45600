// Maps stages to the sides of a handoff.

import type { Stage } from '../../terms/events.ts'

const sides: Record<Stage, 'old' | 'new'> = {
  discover: 'new',
  receive: 'new',
  adopt: 'new',
  ready: 'new',
  offer: 'old',
  send: 'old',
  ramp: 'old',
  drain: 'old',
  exit: 'old',
}

export function sideOf(stage: Stage): 'old' | 'new' {
  return sides[stage]
}

/** Returns whether a value is the name of a stage, or `serving`: outside of any handoff. */
export function isStage(value: unknown): boolean {
  return typeof value === 'string' && (value === 'serving' || Object.hasOwn(sides, value))
}
