import { spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { main, makeProject, Run, serverReplying } from '../support/cli-project.ts'
import { until } from '../support/until.ts'

const namespaces = ['--fork', '--pid', '--mount-proc', '--kill-child']

/** A PID namespace needs root, or a kernel that lets users make one. */
const possible = spawnSync('unshare', [...namespaces, 'true']).status === 0

/** Starts a grandchild whose parent is gone at once: PID 1 inherits it. */
const orphaning = `
  import { spawnSync } from 'node:child_process'
  spawnSync('sh', ['-c', 'sleep 0.1 & :'])
  console.log('orphaned')
`

/** The states of the children of a process: Z for one that nobody has waited for. */
function childStates(pid: number): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      try {
        const [state, parent] =
          readFileSync(`/proc/${entry}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
        return Number(parent) === pid && state !== undefined ? [state] : []
      } catch {
        return [] // It has gone since it was listed.
      }
    })
}

function childOf(pid: number): number {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
  return Number(child)
}

test.skipIf(!possible)(
  'as PID 1 it reaps orphans, reloads, and ends with the server’s exit code (needs unshare)',
  async () => {
    const project = makeProject({ 'server.mjs': serverReplying('here') + orphaning })
    const run = new Run(
      spawn(
        'unshare',
        [
          ...namespaces,
          process.execPath,
          main,
          'run',
          '--probation',
          '0',
          '--name',
          'web',
          'server.mjs',
        ],
        {
          cwd: project.path,
          env: project.env,
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      ),
    )
    await run.listens()
    await run.prints(/^orphaned/)
    const supervisor = childOf(run.pid)

    await until('the orphan is reaped', () => childStates(supervisor).join() === 'S')
    expect((await project.handoff('reload', 'web', '--wait', 'exit')).exitCode).toBe(0)
    await until('the old process is reaped', () => childStates(supervisor).join() === 'S')

    process.kill(supervisor, 'SIGTERM')
    expect(await run.ended()).toBe(0)
    expect(project.processes()).toEqual([])
  },
)
