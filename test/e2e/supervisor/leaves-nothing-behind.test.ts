import { expect, test } from 'vitest'
import { Load } from '../../support/load/load.ts'
import { send } from '../../support/load/send.ts'
import { descriptors, gone, hasProc, isAsleep } from '../../support/process-facts.ts'
import { startRun } from '../../support/run.ts'
import { DEADLINE_MS, until } from '../../support/until.ts'

/** A soak counts more of them: HANDOFF_SOAK=1000. */
const HANDOFFS = Number(process.env.HANDOFF_SOAK ?? 50)

test.runIf(hasProc)(
  `${HANDOFFS} handoffs leave no descriptor, no process and no file behind`,
  { timeout: 60_000 + HANDOFFS * 2_000 },
  async () => {
    const run = await startRun('hello-server.mjs', { flags: ['--probation', '0s'] })
    const supervisor = run.supervisor.pid ?? 0
    let serving = await run.listening()

    /** Hands over, until only the supervisor and the new process are left; gives what looks at both. */
    const handOff = async () => {
      const from = run.output.lines.length
      await run.reloadWell()
      const old = serving
      serving = await run.listening(from)
      await gone(old)
      await until('two processes are left', () => run.processes().length === 2)
      // Whoever has not read yet that a peer has ended is not asleep, but about to run.
      await until('the others have read its end', () => [serving, supervisor].every(isAsleep))
      return () => ({ serving: kinds(serving), supervisor: kinds(supervisor) })
    }
    const second = (await handOff())()
    const load = new Load(run.target, { newConnection: 2 })
    for (let i = 1; i < HANDOFFS - 1; i++) await handOff()
    const tally = await load.stop()
    const last = await handOff()

    expect(tally.failed, `${tally}`).toBe(0)
    // Asked again until then: a process may be asleep for another reason, too.
    await expect.poll(last, { timeout: DEADLINE_MS }).toEqual(second)
    await run.stop()
  },
)

test.runIf(hasProc)('a child of the server inherits no socket', async () => {
  const run = await startRun('spawning-server.mjs')
  const from = run.output.lines.length
  await run.reloadWell()
  await run.listening(from)

  const children = run.output.lines.filter((line) => line.startsWith('child '))
  expect(children).toHaveLength(2)
  for (const child of children) {
    const pid = Number(child.split(' ')[1])
    expect(descriptors(pid).filter((target) => target.startsWith('socket:'))).toEqual([])
    process.kill(pid, 'SIGKILL')
  }
  await run.stop()
  expect((await send(run.target, { path: '/' })).kind).toBe('refused')
})

/** Descriptors by what they are, without the numbers that differ from process to process. */
function kinds(pid: number): string[] {
  return descriptors(pid)
    .map((target) => target.replace(/\d+/g, 'N'))
    .sort()
}
