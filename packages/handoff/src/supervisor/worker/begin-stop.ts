// Begins the stop of a worker, and announces what comes of it.

import { HandoffError } from '../../terms/errors.ts'
import type { Generations } from '../processes/generations.ts'
import * as say from '../text/announce.ts'
import type { WorkerOptions } from './start/options.ts'
import { Stopping } from './stop/stopping.ts'

/**
 * Asks every process to drain and exit.
 *
 * @param code - what the supervisor exits with.
 * @param onStuck - called if processes were killed and are still there.
 */
export function beginStop(
  generations: Generations,
  { timeouts, announce }: Pick<WorkerOptions, 'timeouts' | 'announce'>,
  code: number,
  onStuck: () => void,
): Stopping {
  return new Stopping(generations, {
    code,
    drainTimeoutMs: timeouts.drainTimeoutMs,
    patienceMs: timeouts.stopPatienceMs,
    onImpatient: () => {
      generations.check()
      const processes = [...generations.registry.processes.values()]
      announce(say.waitsNoLonger(processes, timeouts.stopPatienceMs ?? 0))
    },
    onDeadline: () => announce(say.stopDeadline()),
    onStuck: (pids) => {
      announce(say.stuck(pids))
      onStuck()
    },
  })
}

/** Why no process is started. */
export function stoppingError(name: string): HandoffError {
  return new HandoffError('ERR_HANDOFF_STOPPING', `cannot reload ${name}: it is stopping`)
}
