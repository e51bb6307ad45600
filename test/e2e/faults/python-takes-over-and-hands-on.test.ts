// A process written from docs/protocol.md, in another language, between two of ours.

import { expect, test } from 'vitest'
import { hasPython, Peers, serving } from '../../peers/peers.ts'
import { Load } from '../../support/load/load.ts'

/** Skipped where there is none, or its SO_PEERCRED is another. */
const withPython = test.skipIf(!hasPython)

withPython(
  'Node hands over to Python, and Python to Node, without one client noticing (needs Python 3.10 and Linux)',
  async () => {
    const peers = new Peers()
    const first = peers.node()
    const { ports } = await serving(first)
    const load = new Load({ port: ports[0] ?? 0 }, { newConnection: 12, keepAlive: 4 })
    await load.more(200)

    const second = peers.python('new_process.py')
    await second.output.waitFor(/^serving \d+ 2/)
    // The four connections that are kept alive change process too.
    await second.output.waitFor(/^old process drained .*'handedOver': ([4-9]|\d\d)/)
    await load.more(200)

    const third = peers.node()
    const last = await serving(third)
    await load.more(200)
    const tally = await load.stop()

    expect(tally.failed, `${tally}`).toBe(0)
    expect(new Set(tally.pids.keys())).toEqual(
      new Set([first, second, third].map(({ pid }) => `${pid}`)),
    )
    expect(last).toEqual({ generation: 3, ports })
    // Released by its successor, each exits without waiting for its probation to end.
    expect(await first.ended, `${first.output}`).toBe(0)
    expect(await second.ended, `${second.output}`).toBe(0)
  },
)

withPython(
  'both accept in a ramp, and then Python alone (needs Python 3.10 and Linux)',
  async () => {
    const peers = new Peers()
    const first = peers.node()
    const { ports } = await serving(first)
    const load = new Load({ port: ports[0] ?? 0 }, { newConnection: 12, keepAlive: 4 })
    await load.more(200)

    const second = peers.python('new_process.py', 'ramp')
    await second.output.waitFor(/^serving beside the old process \d+ 2/)
    // It waits at the rendezvous socket until the ramp has ended.
    const third = peers.node()
    await second.output.waitFor(/^serving \d+ 2/)
    const last = await serving(third)
    await load.more(200)
    const tally = await load.stop()

    expect(tally.failed, `${tally}`).toBe(0)
    expect(last).toEqual({ generation: 3, ports })
    expect(await first.ended, `${first.output}`).toBe(0)
    expect(await second.ended, `${second.output}`).toBe(0)
  },
)

withPython(
  'more listeners than three batches hold go from Node to Python to Node (needs Python 3.10 and Linux)',
  async () => {
    const peers = new Peers()
    const { ports } = await serving(peers.node(520))

    const second = peers.python('new_process.py')
    await second.output.waitFor(/^serving \d+ 2/)
    const last = await serving(peers.node(520))

    expect(last).toEqual({ generation: 3, ports })
    await second.ended
  },
)
