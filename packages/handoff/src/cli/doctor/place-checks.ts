// Checks the directory of the sockets of a run, and whether other commands use the same one.

import { mostLetters } from '../../supervisor/program/entry.ts'
import type { Facts } from './facts.ts'
import { type Finding, note, ok, problem } from './finding.ts'

export function checkRunDirectory({ place }: Pick<Facts, 'place'>): Finding {
  const { path, runs, socketBytes, limitBytes, trouble } = place
  if (trouble !== undefined) {
    return problem(`no run can use ${path}`, trouble.reason, trouble.help)
  }
  if (path === runs) {
    // With a slash behind it.
    const letters = Math.min(mostLetters, limitBytes - socketBytes - 1)
    return ok(`${path} is private; the name of a run there may have up to ${letters} letters`)
  }
  return ok(`${path} is private; socket paths have ${socketBytes} of ${limitBytes} bytes`)
}

/** Services, cron and login shells set the variables that choose the directory differently. */
export function checkSameDirectory({ place, env }: Pick<Facts, 'place' | 'env'>): Finding[] {
  if (env.HANDOFF_DIR) return []
  const why = env.XDG_RUNTIME_DIR
    ? 'a service or cron job has no XDG_RUNTIME_DIR: its runs are in another directory, and reload and status from here do not find them'
    : 'a login shell may have XDG_RUNTIME_DIR: reload and status from there use another directory'
  const remedy =
    'Set HANDOFF_DIR to the same directory for the server and for the users that deploy it.'
  return [note(`HANDOFF_DIR is not set: runs are kept in ${place.runs}`, why, remedy)]
}
