// Between listen and ready: warm code, and the application's own word on its health.

import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { HandoffError } from 'socket-handoff'
import type { FastifyHandoffOptions, WarmupRequest } from './options.ts'

const defaultTimes = 300

/**
 * Injects the requests in turn. A failing one is logged, once each: health is another question.
 *
 * @remarks Runs before the process serves, when every request is one of ours; so their log lines,
 * errors excepted, say nothing.
 */
export async function warmUp(
  app: FastifyInstance,
  requests: readonly WarmupRequest[] = [],
  times: number = defaultTimes,
): Promise<void> {
  if (requests.length === 0) return
  const failed = new Map<WarmupRequest, number>()
  const { level } = app.log
  if (level !== 'silent' && level !== 'fatal') app.log.level = 'error'
  try {
    for (let count = 0; count < times; count++) {
      const request = requests[count % requests.length] as WarmupRequest
      const { statusCode } = await inject(app, request)
      if (statusCode >= 500) failed.set(request, statusCode)
    }
  } finally {
    app.log.level = level
  }
  for (const [request, statusCode] of failed) {
    app.log.warn({ request, statusCode }, 'handoff: a warm-up request failed')
  }
}

function inject(app: FastifyInstance, request: WarmupRequest): Promise<LightMyRequestResponse> {
  return typeof request === 'string' ? app.inject(request) : app.inject(request)
}

/**
 * Asks the application whether it can serve.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_UNHEALTHY
 */
export async function checkHealth(
  app: FastifyInstance,
  healthCheck: FastifyHandoffOptions['healthCheck'],
): Promise<void> {
  let reason = 'its health check said false'
  let cause: unknown
  try {
    if (healthCheck === undefined || (await healthCheck(app)) !== false) return
  } catch (error) {
    cause = error
    reason = `its health check failed: ${error instanceof Error ? error.message : String(error)}`
  }
  throw new HandoffError('ERR_HANDOFF_UNHEALTHY', `cannot serve: ${reason}`, {
    stage: 'adopt',
    cause,
  })
}
