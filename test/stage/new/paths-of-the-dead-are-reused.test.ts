// What a killed process leaves in the file system, and what is not ours to remove.

import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { expect, test } from 'vitest'
import { tryLockName } from '../../../packages/handoff/src/io/files/lock.ts'
import { bindUnix } from '../../../packages/handoff/src/io/listeners/bind-socket.ts'
import { close } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { ask } from '../support/clients.ts'
import { openPlace } from '../support/place.ts'

/** The path stays behind, as after SIGKILL. */
function leaveSocket(path: string): void {
  close(bindUnix({ path, mode: 0o600 }))
}

test('a rendezvous socket without a process is replaced', async () => {
  const place = openPlace()
  leaveSocket(place.rendezvous)
  const { generation } = await place.serve()
  expect(generation.handoff.generation).toBe(1)
  await place.newPeer().takeOver()
})

test('what is no socket stays where the rendezvous should be', async () => {
  const place = openPlace()
  writeFileSync(place.rendezvous, 'precious')
  const generation = place.generation()
  await expect(generation.handoff.start()).rejects.toMatchObject({
    code: 'ERR_HANDOFF_RENDEZVOUS_UNSAFE',
    stage: 'discover',
    serving: 'none',
  })
  expect(readFileSync(place.rendezvous, 'utf8')).toBe('precious')
  expect(generation.system.exits).toEqual([])
})

test('of two processes that bind one path at the very same moment one is refused', async () => {
  const place = openPlace()
  const other = tryLockName(`${place.rendezvous}.bind`)
  await expect(place.generation().handoff.start()).rejects.toMatchObject({
    code: 'ERR_HANDOFF_BUSY',
  })
  other?.release()
  const { generation } = await place.serve()
  expect(generation.handoff.generation).toBe(1)
})

test('a process that binds another path in the same directory is no obstacle', async () => {
  const place = openPlace()
  const other = tryLockName(place.path('rendezvous-2.sock.bind'))
  const { generation } = await place.serve()
  expect(generation.handoff.generation).toBe(1)
  expect(existsSync(`${place.rendezvous}.bind`)).toBe(false)
  other?.release()
})

test('a Unix path without a server is replaced', async () => {
  const place = openPlace()
  const path = place.path('app.sock')
  leaveSocket(path)
  const { generation } = await place.serve({}, { path })
  expect(await ask({ path })).toBe(String(generation.system.pid))
})

test('a Unix path with a server, or another file, is in use', async () => {
  const place = openPlace()
  const generation = await place.start()
  const path = place.path('app.sock')
  const stranger = generation.own(net.createServer()).listen(path)
  await once(stranger, 'listening')
  const inUse = { code: 'EADDRINUSE', syscall: 'listen', address: path }
  await expect(generation.listen({ path })).rejects.toMatchObject(inUse)
  expect(stranger.listening).toBe(true)

  const file = place.path('file')
  writeFileSync(file, 'precious')
  await expect(generation.listen({ path: file })).rejects.toMatchObject({ ...inUse, address: file })
  expect(readFileSync(file, 'utf8')).toBe('precious')
})
