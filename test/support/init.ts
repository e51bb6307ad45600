// `handoff run` as PID 1, as in a container: in a PID namespace of its own.

import { spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { onTestFailed } from 'vitest'
import { main, type Project, Run } from './cli-project.ts'
import { until } from './until.ts'

const namespaces = ['--fork', '--pid', '--mount-proc', '--kill-child']

/** A PID namespace needs root, or a kernel that lets users make one. */
export const mayBeInit = spawnSync('unshare', [...namespaces, 'true']).status === 0

/** Starts `handoff run ARGS…` as the init process of a namespace. */
export function runAsInit(project: Project, args: readonly string[]): Run {
  const child = spawn('unshare', [...namespaces, process.execPath, main, 'run', ...args], {
    cwd: project.path,
    env: project.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const run = new Run(child)
  onTestFailed(() => console.error(`output of handoff run ${args.join(' ')}:\n${run.output}`))
  return run
}

/** The pid, as we see it, of the supervisor that `unshare` has started. */
export function initOf(run: Run): number {
  const [child] = readFileSync(`/proc/${run.pid}/task/${run.pid}/children`, 'utf8').split(' ')
  return Number(child)
}

/** The children of a process and their commands, with those that nobody has waited for. */
export function childrenOf(pid: number): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      try {
        const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
        const [, command = '', parent] = /\((.*)\) \S (\d+)/.exec(stat) ?? []
        return Number(parent) === pid ? [{ pid: Number(entry), command }] : []
      } catch {
        return [] // It has gone since it was listed.
      }
    })
}

/** Waits until so many children are there, and no other: whoever has ended was waited for. */
export async function hasChildren(pid: number, count: number): Promise<void> {
  await until(`process ${pid} has ${count} children`, () => childrenOf(pid).length === count)
}
