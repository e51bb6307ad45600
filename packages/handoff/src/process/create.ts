// Makes the one handoff of this process, and takes its place in the line of generations.

import { isMainThread } from 'node:worker_threads'
import { loadNative } from '../io/native/addon.ts'
import { isClusterWorker } from '../io/node/builtins.ts'
import { keepTickShape } from '../io/node/internals/tick-shape.ts'
import { realSystem } from '../io/system/system.ts'
import { HandoffError } from '../terms/errors.ts'
import { type HandoffOptions, readSettings, restoreVariables } from '../terms/options.ts'
import { HandoffProcess } from './handoff.ts'

let current: HandoffProcess | undefined

/**
 * Finds the old process, if there is one, and receives its listeners.
 *
 * @throws {@link HandoffError} as createHandoff.
 */
export async function startHandoff(
  options: HandoffOptions,
  env: NodeJS.ProcessEnv,
): Promise<HandoffProcess> {
  const { handoff, failed } = make(options, env)
  await handoff.start().catch(failed)
  return handoff
}

/**
 * As {@link startHandoff}, and blocks this thread meanwhile, for 2 s at most.
 *
 * @returns a promise if the old process does not answer so soon.
 */
export function startHandoffNow(
  options: HandoffOptions,
  env: NodeJS.ProcessEnv,
): HandoffProcess | Promise<HandoffProcess> {
  const { handoff, failed } = make(options, env)
  try {
    return handoff.startNow()?.then(() => handoff, failed) ?? handoff
  } catch (error) {
    return failed(error)
  }
}

/** Returns the one handoff of this process, and the function to call if it cannot start. */
function make(
  options: HandoffOptions,
  env: NodeJS.ProcessEnv,
): { handoff: HandoffProcess; failed: (error: unknown) => never } {
  keepTickShape()
  loadNative()
  if (isClusterWorker) {
    throw new HandoffError(
      'ERR_HANDOFF_CLUSTER',
      'cannot create a handoff: this process is a cluster worker',
    )
  }
  if (!isMainThread) {
    throw new HandoffError(
      'ERR_HANDOFF_INVALID_OPTION',
      'cannot create a handoff: this is a worker thread, and a process is replaced as a whole',
    )
  }
  if (current !== undefined) {
    throw new HandoffError(
      'ERR_HANDOFF_ALREADY_CREATED',
      'cannot create a handoff: this process has one',
    )
  }
  const settings = readSettings(options, env)
  const handoff = new HandoffProcess(settings, realSystem, () => {
    current = undefined
  })
  current = handoff
  const failed = (error: unknown) => {
    current = undefined
    restoreVariables(settings, env)
    throw error
  }
  return { handoff, failed }
}
