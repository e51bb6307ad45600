import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { expect, test } from 'vitest'
import { main, makeProject, type Project, serverReplying } from '../../support/cli-project.ts'
import { until } from '../../support/until.ts'

/** Its writes fail with ENOSPC: full(4). */
const full = '/dev/full'

function spawnWith(project: Project, args: readonly string[], stderr: number | 'pipe') {
  const fd = openSync(full, 'w')
  const stdio = ['ignore', fd, stderr === 'pipe' ? 'pipe' : fd] as const
  const child = spawn(process.execPath, [main, ...args], {
    cwd: project.path,
    env: project.env,
    stdio: [...stdio],
  })
  closeSync(fd)
  return child
}

test.skipIf(!existsSync(full))('a supervisor outlives a full disk under its log', async () => {
  const project = makeProject({ 'server.mjs': serverReplying('here') })
  const supervisor = spawnWith(project, ['run', '--name', 'web', 'server.mjs'], 0)
  await until('the server serves', async () => {
    const { stdout } = await project.handoff('status', 'web', '--json')
    return stdout !== '' && JSON.parse(stdout).generation === 1
  })

  for (const generation of [2, 3]) {
    const { exitCode, stderr } = await project.handoff('reload', 'web')
    expect(exitCode, stderr).toBe(0)
    expect(await project.status('web')).toMatchObject({ pid: supervisor.pid, generation })
  }
  const status = spawnWith(project, ['status', 'web'], 'pipe')
  let stderr = ''
  status.stderr?.on('data', (chunk) => (stderr += chunk))
  const [exitCode] = await once(status, 'close')
  expect(stderr).toMatch(/^handoff: cannot write to stdout: ENOSPC: [^\n]+\n$/)
  expect(exitCode).toBe(1)

  expect(supervisor.exitCode).toBeNull()
  await project.handoff('stop', 'web')
})
