// Runs the application's health check before the process is ready.

import type { FastifyInstance } from 'fastify'
import { HandoffError } from 'socket-handoff'
import type { FastifyHandoffOptions } from './options.ts'

/**
 * Resolves if the app can serve.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_UNHEALTHY if the health check returned `false` or threw,
 * ERR_HANDOFF_INVALID_OPTION if it returned nothing.
 */
export async function checkHealth(
  app: FastifyInstance,
  healthCheck: FastifyHandoffOptions['healthCheck'],
): Promise<void> {
  if (healthCheck === undefined) return
  const isHealthy: unknown = await run(app, healthCheck)
  if (isHealthy === undefined) {
    throw new HandoffError(
      'ERR_HANDOFF_INVALID_OPTION',
      'cannot serve: the option healthCheck returned undefined, not true or false',
      { stage: 'adopt' },
    )
  }
  if (isHealthy === false) throw unhealthy('returned false')
}

async function run(
  app: FastifyInstance,
  healthCheck: NonNullable<FastifyHandoffOptions['healthCheck']>,
): Promise<unknown> {
  try {
    return await healthCheck(app)
  } catch (error) {
    throw unhealthy(`failed: ${String(error)}`, error)
  }
}

function unhealthy(reason: string, cause?: unknown): HandoffError {
  return new HandoffError('ERR_HANDOFF_UNHEALTHY', `cannot serve: the health check ${reason}`, {
    stage: 'adopt',
    cause,
  })
}
