// Where the sockets of a run are kept, and whether other commands look there, too.

import { dirname } from 'node:path'
import type { Facts } from './facts.ts'
import { type Finding, note, ok, problem } from './finding.ts'

export function checkRunDirectory({ place }: Pick<Facts, 'place'>): Finding {
  const { path, socketBytes, limitBytes, trouble } = place
  if (trouble !== undefined) {
    return problem(`no run can use ${path}`, trouble.reason, trouble.help)
  }
  return ok(`${path} is private; socket paths have ${socketBytes} of ${limitBytes} bytes`)
}

/** The directory follows from variables that services, cron and login shells set differently. */
export function checkSameDirectory({ place, env }: Pick<Facts, 'place' | 'env'>): Finding[] {
  if (env.HANDOFF_DIR) return []
  const why = env.XDG_RUNTIME_DIR
    ? 'a service or cron job has no XDG_RUNTIME_DIR: its runs are elsewhere, and reload and status from here do not find them'
    : 'a login shell may have XDG_RUNTIME_DIR: reload and status from there look elsewhere'
  const remedy = 'Set HANDOFF_DIR to one directory for the server and for those who deploy it.'
  return [note(`HANDOFF_DIR is not set: runs are kept in ${dirname(place.path)}`, why, remedy)]
}
