import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { connectUnix } from '../../../../packages/handoff/src/io/channel/unix-socket.ts'
import { bindUnix } from '../../../../packages/handoff/src/io/listeners/bind-socket.ts'
import { close } from '../../../../packages/handoff/src/io/native/descriptors.ts'
import { rendezvousHolders } from '../../../../packages/handoff/src/supervisor/processes/rendezvous-holders.ts'
import { hasProc } from '../../../support/process-facts.ts'
import { scratchDirectory } from '../../../support/scratch.ts'

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
