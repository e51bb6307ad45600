import { EventEmitter, once } from 'node:events'
import http from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { Control } from '../../../../packages/handoff/src/supervisor/control/control.ts'
import type { Fleet } from '../../../../packages/handoff/src/supervisor/fleet/fleet.ts'
import { type Deferred, deferred } from '../../../../packages/handoff/src/terms/deferred.ts'
import { HandoffError } from '../../../../packages/handoff/src/terms/errors.ts'
import { scratchDirectory } from '../../../support/scratch.ts'

/** A run whose reload is in its ramp until `ramp` resolves. */
class RampingFleet {
  isRamping = true
  readonly ramp: Deferred<void> = deferred<void>()
  readonly events = new EventEmitter()
  readonly asked: string[] = []

  async ramped(): Promise<void> {
    await this.ramp.promise
    this.isRamping = false
  }

  status() {
    return { name: 'web', generation: 2, serving: 20 }
  }

  reload(): never {
    this.asked.push('reload')
    throw new HandoffError('ERR_HANDOFF_STOPPING', 'cannot reload web: it is stopping')
  }
}

async function open(fleet: RampingFleet, onUpgrade: () => void = () => {}) {
  const path = join(scratchDirectory(), 'control.sock')
  const upgrade = () => {
    onUpgrade()
    throw new HandoffError('ERR_HANDOFF_UPGRADE', 'cannot upgrade')
  }
  const control = await Control.open({ fleet: fleet as unknown as Fleet, upgrade }, path)
  onTestFinished(() => control.close()())
  return path
}

test('a reload that is asked for during a ramp waits for its end, and the client knows that it does', async () => {
  const fleet = new RampingFleet()
  const socketPath = await open(fleet)
  const request = http.request({ socketPath, method: 'POST', path: '/reload' }).end()
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  expect(response.statusCode).toBe(200)
  expect(fleet.asked).toEqual([])
  fleet.ramp.resolve()
  const lines = []
  for await (const line of createInterface({ input: response })) lines.push(JSON.parse(line))
  expect(fleet.asked).toEqual(['reload'])
  // The head of the answer has gone: a refusal is the result.
  expect(lines).toEqual([
    {
      ...{ type: 'result', ok: false, generation: 2, pid: 20, serving: 'old', atMs: 0 },
      code: 'ERR_HANDOFF_STOPPING',
      message: expect.stringContaining('it is stopping'),
    },
  ])
})

test('an upgrade waits for the end of a ramp', async () => {
  const fleet = new RampingFleet()
  const asked: string[] = []
  const socketPath = await open(fleet, () => asked.push(`upgrade while ${fleet.isRamping}`))
  const query = '/upgrade?command=/opt/handoff.mjs&node=/usr/bin/node'
  const request = http.request({ socketPath, method: 'POST', path: query }).end()
  // The supervisor has read the request before a later one on another connection.
  const other = http.request({ socketPath, path: '/status' }).end()
  await once(other, 'response')
  expect(asked).toEqual([])
  fleet.ramp.resolve()
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  expect(response.statusCode).toBe(409)
  expect(asked).toEqual(['upgrade while false'])
})
