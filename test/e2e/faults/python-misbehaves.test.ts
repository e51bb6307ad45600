// Every way in which a foreign process can go wrong leaves the Node process serving.

import { expect, test } from 'vitest'
import { hasPython, type Peer, Peers, serving } from '../../peers/peers.ts'
import { Load } from '../../support/load/load.ts'

/** Skipped where there is none, or its SO_PEERCRED is another. */
const withPython = test.skipIf(!hasPython)

const violation = 'told abort ERR_HANDOFF_PROTOCOL'

/** What test/peers/bad_process.py does before the commit → the last that it is told. */
const beforeCommit: Record<string, string | undefined> = {
  gives_up: undefined,
  talks_garbage: violation,
  wants_version_0: 'told refuse ERR_HANDOFF_VERSION',
  says_no_json: violation,
  announces_too_much: violation,
  lacks_descriptors: violation,
  sends_stray_descriptors: violation,
  acks_more_than_came: violation,
  is_ready_too_early: violation,
  hangs_up_before_the_manifest: undefined,
  hangs_up_before_ready: undefined,
}

withPython(
  'Node never stops serving, whatever a Python process does before it is ready (needs Python 3.10 and Linux)',
  async () => {
    const peers = new Peers()
    const first = peers.node()
    const load = await loadOn(first)

    for (const [way, told] of Object.entries(beforeCommit)) {
      const from = first.output.lines.length
      const bad = peers.python('bad_process.py', way)
      expect(await bad.ended, way).toBe(0)
      await first.output.waitFor(/^aborted/, { from })
      if (told !== undefined) expect(bad.output.lines.at(-1)?.trim(), way).toBe(told)
    }

    await expectServesOn(peers, first, load)
  },
)

const afterReady = [
  'hangs_up_after_ready',
  'leaves_the_commit_unread',
  'hangs_up_after_commit',
  'gives_up_after_commit',
]

withPython(
  'Node takes back, and refuses nobody, when a Python process goes away after it was ready (needs Python 3.10 and Linux)',
  async () => {
    const peers = new Peers()
    const first = peers.node()
    const load = await loadOn(first)

    for (const way of afterReady) {
      const from = first.output.lines.length
      const bad = peers.python('bad_process.py', way)
      expect(await bad.ended, way).toBe(0)
      await first.output.waitFor(/^taken-back/, { from })
      await load.more(50)
    }

    await expectServesOn(peers, first, load)
  },
)

withPython(
  'Node binds its port again when a Python process claims nothing and goes away (needs Python 3.10 and Linux)',
  async () => {
    const peers = new Peers()
    const first = peers.node()
    await serving(first)

    const bad = peers.python('bad_process.py', 'claims_nothing')
    expect(await bad.ended).toBe(0)
    await first.output.waitFor(/^taken-back/)

    await expectServesOn(peers, first, await loadOn(first))
  },
)

withPython(
  'Node takes back when a Python process is killed while it serves (needs Python 3.10 and Linux)',
  async () => {
    const peers = new Peers()
    const first = peers.node()
    const load = await loadOn(first)
    const second = peers.python('new_process.py')
    await second.output.waitFor(/^serving/)
    await load.more(100)

    second.process.kill('SIGKILL')
    await first.output.waitFor(/^taken-back/)

    await load.more(100)
    const tally = await load.stop()
    // What Python had accepted died with it; nobody was refused.
    const cut = tally.count('newConnection', 'reset') + tally.count('newConnection', 'truncated')
    expect(tally.failed, `${tally}`).toBe(cut)
    expect(cut, `${tally}`).toBeLessThanOrEqual(4)
    await expectServesOn(peers, first, await loadOn(first))
  },
)

withPython(
  'Python takes back when the Node process that replaced it is killed (needs Python 3.10 and Linux)',
  async () => {
    const peers = new Peers()
    const { ports } = await serving(peers.node())
    const second = peers.python('new_process.py')
    await second.output.waitFor(/^serving/)
    const third = peers.node()
    await serving(third)

    third.process.kill('SIGKILL')
    await second.output.waitFor(/^taken back/)

    const load = new Load({ port: ports[0] ?? 0 })
    await load.more(100)
    const tally = await load.stop()
    expect(tally.failed, `${tally}`).toBe(0)
    expect([...tally.pids.keys()]).toEqual([`${second.pid}`])
    expect((await serving(peers.node())).ports).toEqual(ports)
  },
)

async function loadOn(peer: Peer): Promise<Load> {
  const { ports } = await serving(peer)
  const load = new Load({ port: ports[0] ?? 0 }, { newConnection: 4 })
  await load.more(100)
  return load
}

/** The process alone has answered everything, and can still be replaced at the same port. */
async function expectServesOn(peers: Peers, peer: Peer, load: Load): Promise<void> {
  await load.more(100)
  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  expect([...tally.pids.keys()]).toEqual([`${peer.pid}`])
  const { ports } = await serving(peer)
  expect(await serving(peers.node())).toEqual({ generation: 2, ports })
}
