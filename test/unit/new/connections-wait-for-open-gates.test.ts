// Batches of connections that arrive when this process cannot serve them, or that are not what they say.

import { fstatSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Gate } from '../../../packages/handoff/src/connections/gate/gate.ts'
import type { Holdings } from '../../../packages/handoff/src/generation/holdings.ts'
import { dup } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { Intake } from '../../../packages/handoff/src/new/connections/intake.ts'
import type { UnclaimedListeners } from '../../../packages/handoff/src/new/listeners/unclaimed-listeners.ts'
import { Opening } from '../../../packages/handoff/src/new/opening.ts'
import type { StateImports } from '../../../packages/handoff/src/new/state/state-imports.ts'
import type { Message } from '../../../packages/handoff/src/protocol/messages.ts'
import { openFiles } from '../../support/scratch.ts'

const batch = { key: 'tcp:*:80', kind: 'http', items: [null, null] }

/** Descriptors for a batch, which the intake owns. */
const arriving = () => openFiles(2).map((fd) => dup(fd))

function isOpen(fd: number): boolean {
  try {
    return fstatSync(fd).ino > 0
  } catch {
    return false
  }
}

function intake({ takesConnections = true, gate = undefined as Partial<Gate> | undefined } = {}) {
  const sent: Message[] = []
  const failures: unknown[] = []
  const made = new Intake({
    gateOf: () => gate as Gate | undefined,
    gates: () => [],
    takesConnections: () => takesConnections,
    noMoreConnections: () => {},
    send: async (message) => void sent.push(message),
    fail: (error) => void failures.push(error),
  })
  return { made, sent, failures }
}

test('a process that does not serve any more closes them unread, and acks nothing', async () => {
  const { made, sent } = intake({ takesConnections: false })
  const fds = arriving()
  made.take(batch, fds, Promise.resolve())
  await expect.poll(() => fds.filter(isOpen)).toEqual([])
  expect(sent).toEqual([])
})

test('so does one whose gates could not be opened', async () => {
  const { made, sent } = intake()
  const fds = arriving()
  made.take(batch, fds, Promise.reject(new Error('EMFILE')))
  await expect.poll(() => fds.filter(isOpen)).toEqual([])
  expect(sent).toEqual([])
})

test('a batch with more items than descriptors is a mistake of the old process', async () => {
  const mover = { kind: 'http', adopt: () => expect.unreachable() }
  const gate = {
    connections: { movers: [mover] },
    held: { entry: { protocol: 'tcp' } },
  } as unknown as Partial<Gate>
  const { made, failures } = intake({ gate })
  const fds = arriving()
  made.take({ ...batch, items: [null] }, fds, Promise.resolve())
  await expect.poll(() => failures).toHaveLength(1)
  expect(failures[0]).toMatchObject({ code: 'ERR_HANDOFF_DESCRIPTOR_MISMATCH' })
  expect(String(failures[0])).toContain('2 descriptors came with 1 items')
  expect(fds.filter(isOpen)).toEqual([])
})

test('connections of a server that has closed are closed, and reported as ended', async () => {
  const { made, sent } = intake()
  const fds = arriving()
  made.take(batch, fds, Promise.resolve())
  await expect.poll(() => sent).toContainEqual({ type: 'ended', numbers: [0, 1] })
  expect(sent[0]).toEqual({ type: 'adopted', received: 2 })
  expect(fds.filter(isOpen)).toEqual([])
})

function opening(takesConnections: boolean) {
  const calls: string[] = []
  const holdings = {
    open: async () => void calls.push('open'),
    endListening: (unlink: boolean) => void calls.push(`end listening, unlink: ${unlink}`),
  } as unknown as Holdings
  const imports = { after: (next: () => Promise<void>) => next() } as unknown as StateImports
  const unclaimed = { vacate: () => void calls.push('vacate') } as unknown as UnclaimedListeners
  const made = new Opening(
    { holdings, takesConnections: () => takesConnections },
    imports,
    unclaimed,
  )
  return { made, calls }
}

test('the gates open once the state is imported', async () => {
  const { made, calls } = opening(true)
  expect(made.begun).toBe(false)
  made.begin()
  await made.opened
  expect(made.begun).toBe(true)
  expect(calls).toEqual(['vacate', 'open'])
})

test('a process that was stopped while it imported opens nothing, and never says that it serves', async () => {
  const { made, calls } = opening(false)
  made.begin()
  let opened = false
  made.opened.then(() => {
    opened = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  expect(opened).toBe(false)
  expect(calls).toEqual(['vacate', 'end listening, unlink: true'])
})
