// recvmsg(2) succeeds with fewer descriptors at RLIMIT_NOFILE: that must not pass for a handoff.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ask, whereIs } from '../support/clients.ts'
import { openPlace } from '../support/place.ts'

const limitedProcess = fileURLToPath(new URL('../support/limited-process.mjs', import.meta.url))

test('a new process at its limit aborts, names the limit, and the old one serves', async () => {
  const place = openPlace()
  const where = Array.from({ length: 200 }, () => ({ host: '127.0.0.1', port: 0 }))
  const { generation: old, server } = await place.serve({}, ...where)
  const limited = ['-c', 'ulimit -n 500 && exec "$0" "$@"']
  const node = [process.execPath, limitedProcess, place.rendezvous]
  const { stdout } = await promisify(execFile)('sh', [...limited, ...node])
  expect(JSON.parse(stdout)).toEqual({
    code: 'ERR_HANDOFF_TRUNCATED',
    // One read may have brought the manifest and the descriptors: nothing of it is believed then.
    stage: expect.stringMatching(/^(discover|receive)$/),
    serving: 'old',
  })
  expect(await old.told('aborted')).toMatchObject({ code: 'ERR_HANDOFF_TRUNCATED' })
  expect(await ask(whereIs(server))).toBe(String(old.system.pid))
  const { generation: next } = await place.serve({}, ...where)
  expect(next.handoff.generation).toBe(2)
})
