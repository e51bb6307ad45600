// Reads which paths a program without code for handoffs requests of itself before it is ready.

import { HandoffError } from '../../terms/errors.ts'
import { isRequestPath } from '../../terms/warmup.ts'

/**
 * Reads `HANDOFF_WARMUP`: paths, separated by spaces.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION
 */
export function readWarmupPaths(text = ''): string[] {
  const paths = text.split(/\s+/).filter((path) => path !== '')
  const wrong = paths.find((path) => !isRequestPath(path))
  if (wrong === undefined) return paths
  throw new HandoffError(
    'ERR_HANDOFF_INVALID_OPTION',
    `cannot create the handoff: HANDOFF_WARMUP has ${JSON.stringify(wrong)}, which is no path that begins with /`,
  )
}
