// The units of examples/systemd: checked by systemd-analyze, and run by a real systemd.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { ask, main, makeProject } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'
import { Load } from '../../support/load/load.ts'
import { scratchDirectory } from '../../support/scratch.ts'
import { has } from '../../support/service.ts'
import { until } from '../../support/until.ts'
import { canRunSystemd, UserSystemd } from '../../support/user-systemd.ts'

const directory = fileURLToPath(new URL('../../../examples/systemd', import.meta.url))
const files = readdirSync(directory)

const texts = Object.fromEntries(
  files.map((name) => [name, readFileSync(join(directory, name), 'utf8')]),
)

describe.skipIf(!has('systemd-analyze'))('systemd-analyze verify (apt-get install systemd)', () => {
  /** What it says of a unit; it ends with 0 even where it skips a line. */
  function verify(name: string, text: string): string {
    const scratch = scratchDirectory()
    for (const file of files) writeFileSync(join(scratch, file), here(texts[file] ?? ''))
    writeFileSync(join(scratch, name), here(text))
    return execFileSync(
      'sh',
      ['-c', 'systemd-analyze verify "$1" 2>&1', 'sh', join(scratch, name)],
      {
        encoding: 'utf8',
      },
    )
  }

  /** Node may be elsewhere on this machine. */
  const here = (text: string) => text.replaceAll('/usr/bin/node', process.execPath)

  test.each(files)('finds nothing in %s', (name) => {
    expect(verify(name, texts[name] ?? '')).toBe('')
  })

  test('would find something', () => {
    expect(verify('web.service', `${texts['web.service']}\n[Service]\nTyp=notify\n`)).toContain(
      'Typ',
    )
  })
})

const runs = await canRunSystemd()

const server = `
  import http from 'node:http'
  import { createHandoff } from 'socket-handoff'
  const handoff = await createHandoff()
  const server = http.createServer((_, response) => {
    response.setHeader('x-pid', process.pid).end('pid ' + process.pid)
  })
  await handoff.listen(server, { port: Number(process.env.PORT) })
  await handoff.ready()
`

/** The units as they are, but for the paths, the user and the port of this test. */
async function start() {
  const project = makeProject({ 'server.mjs': server })
  const port = await freePort()
  const unit = (text: string) =>
    text
      .replaceAll('/usr/bin/node', process.execPath)
      .replaceAll('/srv/web', project.path)
      .replaceAll('current/node_modules/.bin/handoff', main)
      .replaceAll('current/server.js', 'server.mjs')
      .replace(/^User=.*$/m, `Environment=PORT=${port}`)
      .replace('ListenStream=3000', `ListenStream=${port}`)
  const units = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, unit(text)]))
  const systemd = (await UserSystemd.start(units)).untilTheEnd()
  return { systemd, port, pid: () => ask(port) }
}

describe.skipIf(!runs)('a real systemd (as root, in namespaces of its own)', () => {
  test('a bare server: reload, crash and restart refuse nobody, a stop frees the port', async () => {
    const { systemd, port, pid } = await start()
    const main = () => systemd.property('web-bare', 'MainPID')
    systemd.control('start', 'web-bare.socket')
    const first = await pid()
    expect(first).toBe(`pid ${main()}`)
    await until('it is stored', () => systemd.property('web-bare', 'NFileDescriptorStore') === '1')

    const load = new Load({ port }, { newConnection: 4 })
    systemd.control('reload', 'web-bare')
    await until('another process is the main one', () => `pid ${main()}` !== first)
    await load.more(100)
    expect((await load.stop()).failed, `${load.tally}`).toBe(0)

    // Once the old process has gone, nobody takes back.
    await until('the old process has gone', () => !systemd.has(Number(first.slice('pid '.length))))
    systemd.control('kill', '--kill-who=main', '--signal=SIGKILL', 'web-bare')
    const second = await pid()
    expect(second).not.toBe(first)

    const waiting = new Load({ port }, { newConnection: 4 })
    systemd.control('restart', 'web-bare')
    await waiting.more(100)
    await waiting.stop()
    expect(waiting.tally.count('newConnection', 'refused'), `${waiting.tally}`).toBe(0)
    expect(systemd.property('web-bare', 'NFileDescriptorStore')).toBe('1')

    systemd.control('stop', 'web-bare.socket', 'web-bare.service')
    await expect(pid()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(systemd.property('web-bare', 'Result')).toBe('success')
  })

  test('handoff run: reload returns when the new generation serves, a crash refuses nobody', async () => {
    const { systemd, port, pid } = await start()
    systemd.control('start', 'web.service')
    const first = await pid()
    systemd.control('reload', 'web.service')
    const second = await pid()
    expect(second).not.toBe(first)
    expect(systemd.property('web', 'StatusText')).toContain('generation 2')

    // The supervisor: its servers go with it, and the socket unit holds the port.
    const load = new Load({ port }, { newConnection: 4 })
    await load.more(50)
    systemd.control('kill', '--kill-who=main', '--signal=SIGKILL', 'web.service')
    await until('it was started again', () => systemd.property('web', 'NRestarts') === '1')
    await load.more(100)
    await load.stop()
    expect(load.tally.count('newConnection', 'refused'), `${load.tally}`).toBe(0)

    systemd.control('stop', 'web.socket', 'web.service')
    await expect(pid()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(systemd.property('web', 'Result')).toBe('success')
  })
})
