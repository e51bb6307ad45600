import { spawn } from 'node:child_process'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFailed, test } from 'vitest'
import { ask, makeProject, type Project, Run } from '../../support/cli-project.ts'

const script = fileURLToPath(
  new URL('../../../examples/kubernetes/reload-on-change.mjs', import.meta.url),
)

const server = `
  import { readFileSync } from 'node:fs'
  import http from 'node:http'
  import { createHandoff } from 'socket-handoff'
  const { greeting } = JSON.parse(readFileSync('config/config.json', 'utf8'))
  const handoff = await createHandoff()
  const server = http.createServer((request, response) => response.end(greeting))
  await handoff.listen(server, { host: '127.0.0.1', port: 0 })
  await handoff.ready()
  console.log('listening', process.pid, server.address().port)
`

/** Changes the files as the kubelet does: a new directory, and a link renamed to it. */
function writeConfig(project: Project, version: string, text: string): void {
  const config = join(project.path, 'config')
  mkdirSync(join(config, version), { recursive: true })
  writeFileSync(join(config, version, 'config.json'), text)
  symlinkSync(version, join(config, '..data_tmp'))
  renameSync(join(config, '..data_tmp'), join(config, '..data'))
}

test('a new ConfigMap reloads the server in place; a broken one leaves it serving', async () => {
  const project = makeProject({ 'server.mjs': server })
  writeConfig(project, '..1', '{ "greeting": "one" }')
  symlinkSync('..data/config.json', join(project.path, 'config/config.json'))
  const run = project.run(['--name', 'web', '--probation', '0', 'server.mjs'])
  const { port } = await run.listens()
  const sidecar = new Run(
    spawn(process.execPath, [script, join(project.path, 'config'), 'web'], {
      cwd: project.path,
      env: project.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  )
  onTestFailed(() => console.error(`output of the sidecar:\n${sidecar.output}`))
  await sidecar.prints(/^watching/)

  writeConfig(project, '..2', '{ "greeting": "two" }')
  await sidecar.prints(/generation 2 serves/)
  expect(await ask(port)).toBe('two')

  writeConfig(project, '..3', '{ broken')
  await sidecar.says(/Generation 2 .* serves on/)
  expect(await ask(port)).toBe('two')

  process.kill(sidecar.pid, 'SIGTERM')
  expect(await sidecar.ended()).toBe(0)
})
