import { expect, test } from 'vitest'
import { ask, makeProject, serverReplying } from '../../support/cli-project.ts'
import { childrenOf, hasChildren, initOf, mayBeInit, runAsInit } from '../../support/init.ts'
import { makeRelease, upgradeBy } from '../../support/release.ts'
import { until } from '../../support/until.ts'

/** Starts a grandchild whose parent is gone at once: PID 1 inherits it. */
const orphaning = (seconds: number) => `
  import { spawnSync } from 'node:child_process'
  spawnSync('sh', ['-c', 'sleep ${seconds} & :'], { stdio: 'ignore' })
  console.log('orphaned')
`

test.skipIf(!mayBeInit)(
  'as PID 1 it reaps orphans, reloads, and ends with the server’s exit code (needs unshare)',
  async () => {
    const project = makeProject({ 'server.mjs': serverReplying('here') + orphaning(0.1) })
    const run = runAsInit(project, ['--probation', '0', '--name', 'web', 'server.mjs'])
    await run.listens()
    await run.prints(/^orphaned/)
    const supervisor = initOf(run)

    await hasChildren(supervisor, 1)
    expect((await project.handoff('reload', 'web', '--wait', 'exit')).exitCode).toBe(0)
    await hasChildren(supervisor, 1)

    process.kill(supervisor, 'SIGTERM')
    expect(await run.ended()).toBe(0)
    expect(project.processes()).toEqual([])
  },
)

const flags = ['--probation', '0', '--name', 'web', '--workers', '2']

test.skipIf(!mayBeInit)(
  'as PID 1 it does the same with several workers, and repairs each (needs unshare)',
  async () => {
    const project = makeProject({ 'server.mjs': serverReplying('here') + orphaning(0.1) })
    const run = runAsInit(project, [...flags, 'server.mjs'])
    const { port } = await run.listens()
    await run.says(/worker 2: generation 1/)
    for (const _ of [1, 2]) await run.prints(/^orphaned/)
    const supervisor = initOf(run)

    await hasChildren(supervisor, 2)
    expect((await project.handoff('reload', 'web', '--wait', 'exit')).exitCode).toBe(0)
    for (const _ of [1, 2]) await run.prints(/^orphaned/)
    await hasChildren(supervisor, 2)

    const [victim] = childrenOf(supervisor)
    process.kill(victim?.pid ?? 0, 'SIGKILL')
    await run.says(/was killed by SIGKILL/)
    await run.says(/generation 3 .* serves/)
    await run.prints(/^orphaned/)
    await hasChildren(supervisor, 2)
    expect(await ask(port)).toBe('here')

    process.kill(supervisor, 'SIGTERM')
    expect(await run.ended()).toBe(0)
    expect(project.processes()).toEqual([])
  },
)

test.skipIf(!mayBeInit)(
  'as PID 1 it becomes another release, which reaps what this one has started (needs unshare)',
  async () => {
    const project = makeProject({ 'server.mjs': serverReplying('here') + orphaning(600) })
    const run = runAsInit(project, [...flags, 'server.mjs'])
    const { port } = await run.listens()
    await run.says(/worker 2: generation 1/)
    for (const _ of [1, 2]) await run.prints(/^orphaned/)
    const supervisor = initOf(run)
    const orphans = () => childrenOf(supervisor).filter(({ command }) => command === 'sleep')
    await until('the orphans are here', () => orphans().length === 2)
    const before = await project.status('web')

    const place = { name: 'web', directory: project.runs }
    const { output } = await upgradeBy(makeRelease('7.0.1').command, place)

    expect(output).toContain('(pid 1) is release 7.0.1')
    expect(initOf(run)).toBe(supervisor)
    expect((await project.status('web')).workers).toEqual(before.workers)
    expect(await ask(port)).toBe('here')
    for (const { pid } of orphans()) process.kill(pid, 'SIGKILL')
    await hasChildren(supervisor, 2)

    const { exitCode, stderr } = await project.handoff('reload', 'web', '--wait', 'exit')
    expect(exitCode, stderr).toBe(0)
    for (const _ of [1, 2]) await run.prints(/^orphaned/)
    await until('the new orphans are here', () => orphans().length === 2)
    for (const { pid } of orphans()) process.kill(pid, 'SIGKILL')
    await hasChildren(supervisor, 2)

    process.kill(supervisor, 'SIGTERM')
    expect(await run.ended()).toBe(0)
    expect(project.processes()).toEqual([])
  },
)
