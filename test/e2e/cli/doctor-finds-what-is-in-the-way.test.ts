import { chmodSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Finding } from '../../../packages/handoff/src/cli/doctor/finding.ts'
import { makeProject, type Project, serverReplying } from '../../support/cli-project.ts'

interface Diagnosis {
  exitCode: number | null
  ok: boolean
  problems: Finding[]
}

async function diagnose(project: Project, ...args: string[]): Promise<Diagnosis> {
  const { exitCode, stdout, stderr } = await project.handoff('doctor', ...args, '--json')
  if (stdout === '') throw new Error(stderr)
  const { ok, findings } = JSON.parse(stdout)
  const problems = findings.filter(({ level }: Finding) => level === 'problem')
  return { exitCode, ok, problems }
}

test('a server that runs well has nothing in the way, and nothing is left behind', async () => {
  const project = makeProject({ 'server.mjs': serverReplying('here') })
  expect(await diagnose(project, 'server.mjs')).toEqual({ exitCode: 0, ok: true, problems: [] })
  expect(existsSync(join(project.runs, 'server')), 'the run directory').toBe(false)

  const { exitCode, stdout } = await project.handoff('doctor')
  expect(exitCode).toBe(0)
  expect(stdout.replace(/\n {9}/g, ' ')).toContain(
    `ok       ${project.runs} is private; the name of a run`,
  )
  expect(stdout).toMatch(/^ok {7}the native core loads$/m)
  expect(stdout).toMatch(/^ok {7}TLS connections can change process$/m)
  expect(stdout).toMatch(/^no problem found$/m)
})

test('without an entry the run is that of the package here', async () => {
  const project = makeProject({ 'package.json': '{ "name": "@shop/web" }' })
  const { stdout } = await project.handoff('doctor')
  expect(stdout.replace(/\n {9}/g, ' ')).toContain(
    `${join(project.runs, 'web')} is private; socket`,
  )
  expect(readdirSync(project.runs)).toEqual([])
})

test('an entry that cannot start is a problem', async () => {
  const project = makeProject({
    'broken.mjs': 'const a = ;',
    'bad/package.json': '{ broken',
    'bad/server.mjs': '',
  })
  for (const [entry, why] of [
    ['none.mjs', /no such file/],
    ['broken.mjs', /^SyntaxError: .*broken\.mjs:1/],
    ['bad/server.mjs', /package\.json: it is not JSON/],
  ] as const) {
    const { exitCode, problems } = await diagnose(project, entry)
    expect(exitCode, entry).toBe(1)
    expect(problems, entry).toMatchObject([{ what: entry, why: expect.stringMatching(why) }])
  }
})

test('a run directory that others may enter is a problem', async () => {
  const project = makeProject({})
  chmodSync(project.runs, 0o777)
  const { exitCode, problems } = await diagnose(project)
  expect(exitCode).toBe(1)
  expect(problems).toMatchObject([{ why: expect.stringMatching(/other users may write to it/) }])
})

test('nothing is left of a place that is not there yet, however deep', async () => {
  const project = makeProject({})
  project.env.HANDOFF_DIR = join(project.runs, 'a', 'b')
  expect(await diagnose(project)).toMatchObject({ exitCode: 0, problems: [] })
  expect(readdirSync(project.runs)).toEqual([])
})
