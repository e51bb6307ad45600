// The errors of commands that a run cannot do now.

import { HandoffError } from '../../terms/errors.ts'

type Verb = 'reload' | 'upgrade'

/** @param name - of the run. */
export function stoppingError(verb: Verb, name: string): HandoffError {
  return new HandoffError('ERR_HANDOFF_STOPPING', `cannot ${verb} ${name}: it is stopping`)
}

/** @param pid - of the process that is about to serve. */
export function busyError(verb: Verb, name: string, pid: number | undefined): HandoffError {
  const which = pid === undefined ? '' : ` (pid ${pid})`
  const reason = `a process${which} is about to serve`
  return new HandoffError('ERR_HANDOFF_BUSY', `cannot ${verb} ${name}: ${reason}`)
}

export function crashedError(verb: Verb, name: string): HandoffError {
  const reason = 'a server that crashed is about to start again'
  return new HandoffError('ERR_HANDOFF_BUSY', `cannot ${verb} ${name}: ${reason}`)
}
