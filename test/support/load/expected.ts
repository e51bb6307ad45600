// What a report must say where no process was killed; in the shape in which a test compares it.

import type { Report, WholeOptions } from './whole-load.ts'

/** The figures of a report that are the same for every good run of a load. */
export function lossesOf({ failed, cut, kept, resting, webSockets, echoes }: Report) {
  const { sent, echoed, ...wrong } = echoes
  return { failed, cut, kept, resting, webSockets, missing: sent - echoed, ...wrong }
}

/** Nothing failed, nothing was closed, and every number came back once and in order. */
export function noLosses({ kept, resting, webSockets }: WholeOptions) {
  const allSame = (opened: number) => ({ opened, same: opened, closed: 0, cut: 0 })
  return {
    failed: 0,
    cut: 0,
    kept: allSame(kept),
    resting: allSame(resting),
    webSockets: allSame(webSockets),
    missing: 0,
    lost: 0,
    reordered: 0,
    doubled: 0,
    miscounted: 0,
  }
}
