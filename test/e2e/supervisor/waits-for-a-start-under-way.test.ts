import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ask, makeProject, serverReplying, untilFile } from '../../support/cli-project.ts'
import { gone } from '../../support/process-facts.ts'

/** The second generation is ready when there is a file `go`. */
const waitsForAFile = serverReplying('one').replace(
  'await handoff.ready()',
  `if (handoff.generation === 2) {
      ${untilFile('go', 'warming')}
    }
    await handoff.ready()`,
)

async function supervisorDiesInAStart() {
  const project = makeProject({ 'server.mjs': waitsForAFile })
  const args = ['--name', 'web', '--probation', '0', 'server.mjs']
  const before = project.run(args)
  const first = await before.listens()
  void project.handoff('reload', 'web')
  const [, warming] = await before.prints(/^warming (\d+)/)
  process.kill(before.pid, 'SIGKILL')
  await before.ended()
  const run = project.run(args)
  await run.says(
    /is taking over already\. .*Waiting until that process serves or has failed, for 65 s/,
  )
  return { project, run, first, warming: Number(warming) }
}

test('it goes on when the process of the supervisor before serves', async () => {
  const { project, run, first, warming } = await supervisorDiesInAStart()
  writeFileSync(join(project.path, 'go'), '')
  await run.says(new RegExp(`generation 2 \\(pid ${warming}\\) serves .*in place of generation 1`))
  const last = await run.listens()
  await run.says(/generation 3 .* serves .*in place of generation 2/)
  expect(await ask(first.port)).toBe('one')
  expect((await project.status('web')).serving).toBe(last.pid)
})

test('it goes on when that process has failed', async () => {
  const { project, run, first, warming } = await supervisorDiesInAStart()
  process.kill(warming, 'SIGKILL')
  await gone(warming)
  writeFileSync(join(project.path, 'go'), '')
  await run.says(/generation 2 .* serves .*in place of generation 1/)
  expect(await ask(first.port)).toBe('one')
})

test('a stop ends the waiting, and every process', async () => {
  const { project, run, first } = await supervisorDiesInAStart()
  expect((await project.handoff('stop', 'web')).exitCode).toBe(0)
  expect(await run.ended()).toBe(0)
  await gone(first.pid)
})
