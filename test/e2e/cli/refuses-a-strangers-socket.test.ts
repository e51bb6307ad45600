// Another user makes the run directory of a user first, with sockets that answer whatever is asked.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { command } from '../../support/cli.ts'
import { Output } from '../../support/output.ts'

const user = 1001
const stranger = 1002

/** Answers every request as a supervisor does that has done what was asked. */
const impostor = `
  const http = require('node:http')
  let requests = 0
  http.createServer((request, response) => {
    console.log('asked', ++requests)
    response.end(JSON.stringify({ type: 'result', ok: true, generation: 8, pid: 1 }) + '\\n')
  }).listen(process.argv[1], () => {
    require('node:fs').chmodSync(process.argv[1], 0o777)
    console.log('listens')
  })
`

function run(file: string, args: string[], uid: number, env: NodeJS.ProcessEnv): ChildProcess {
  const child = spawn(file, args, {
    ...{ uid, gid: uid, cwd: '/', env: { PATH: process.env.PATH, ...env } },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

test.skipIf(process.getuid?.() !== 0)(
  'a stranger in the place of a run is asked nothing (needs root)',
  async () => {
    const root = mkdtempSync(join(tmpdir(), 'handoff-stranger-'))
    onTestFinished(() => rmSync(root, { recursive: true }))
    chmodSync(root, 0o1777)
    const runs = join(root, `handoff-${user}`)
    mkdirSync(join(runs, 'web'), { recursive: true })
    for (const path of [runs, join(runs, 'web')]) chownSync(path, stranger, stranger)
    const socket = join(runs, 'web', 'control.sock')
    const server = run(process.execPath, ['-e', impostor, socket], stranger, {})
    const heard = new Output().collect(server.stdout as NonNullable<typeof server.stdout>)
    await heard.waitFor(/^listens/)

    const commands = ['status', 'reload', 'stop', 'upgrade'].flatMap((name) => [
      [name, 'web'],
      [name],
    ])
    const expectRefused = async () => {
      for (const args of commands) {
        const client = run(command.file, [...command.args, ...args], user, { TMPDIR: root })
        const output = new Output()
        for (const stream of [client.stdout, client.stderr]) if (stream) output.collect(stream)
        const [exitCode] = await once(client, 'close')
        expect(`${output}`, args.join(' ')).toMatch(/^handoff: cannot use .*\[ERR_HANDOFF_DIREC/)
        expect(exitCode, args.join(' ')).toBe(1)
      }
    }
    await expectRefused()
    // The directories are right, and the socket is not: as after a mistake of root's.
    for (const path of [runs, join(runs, 'web')]) {
      chownSync(path, user, user)
      chmodSync(path, 0o700)
    }
    commands.splice(0, commands.length, ['status', 'web'], ['stop', 'web'])
    await expectRefused()
    expect(`${heard}`).not.toMatch(/asked/)
  },
)
