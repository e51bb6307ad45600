import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { bindUnix } from '../../packages/handoff/src/io/bind.ts'
import { close } from '../../packages/handoff/src/io/descriptors.ts'
import { connectUnix } from '../../packages/handoff/src/io/unix-socket.ts'
import { rendezvousHolders } from '../../packages/handoff/src/supervisor/rendezvous-holders.ts'
import { hasProc } from '../support/process-facts.ts'
import { scratchDirectory } from '../support/scratch.ts'

test.skipIf(!hasProc)(
  'a process that listens holds the socket, one that has connected does not',
  () => {
    const path = join(scratchDirectory(), 'rendezvous.sock')
    expect(rendezvousHolders(path)).toEqual([])
    const listener = bindUnix({ path, mode: 0o600 })
    const client = connectUnix(path)
    onTestFinished(() => close(client))
    expect(rendezvousHolders(path)).toEqual([process.pid])
    expect(rendezvousHolders(`${path}.`)).toEqual([])
    close(listener)
    expect(rendezvousHolders(path)).toEqual([])
  },
)
