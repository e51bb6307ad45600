// A program in Go with tableflip, which passes its listeners to its next process.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../test/support/free-port.ts'
import { answers, end, untilTakenAndReplaced } from './answers.ts'
import type { Peer } from './peer.ts'
import { which } from './which.ts'

const source = fileURLToPath(new URL('tableflip/', import.meta.url))
/** Where Debian keeps the sources of Go packages. */
const debian = '/usr/share/gocode'
const packages = ['github.com/cloudflare/tableflip', 'github.com/gorilla/websocket']

export const tableflip: Peer = {
  name: 'tableflip',
  about: 'net/http in Go with tableflip; the process is replaced, the old one stops gracefully',
  missing() {
    if (which('go') !== undefined && environment() !== undefined) return undefined
    return 'apt-get install golang-go golang-github-cloudflare-tableflip-dev golang-github-gorilla-websocket-dev'
  },
  async start(resources) {
    const [port, program] = [await freePort(), join(resources.directory(), 'server')]
    const { status, stderr } = spawnSync(which('go') ?? 'go', ['build', '-o', program, 'main.go'], {
      cwd: source,
      env: { ...process.env, ...environment() },
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`cannot build bench/peers/tableflip: ${stderr}`)
    const child = resources.spawn(program, [], {
      env: { ...process.env, PORT: `${port}` },
      stdio: 'ignore',
    })
    await answers(port)
    // Each process has a parent that has exited: signals go to the one that serves.
    const trigger = async () => void process.kill(Number(await answers(port)), 'SIGHUP')
    return {
      port,
      trigger,
      // tableflip refuses to upgrade as long as the process before the last one drains.
      reload: () => untilTakenAndReplaced(port, trigger),
      async stop() {
        process.kill(Number(await answers(port)), 'SIGKILL')
        await end(child, 'SIGKILL')
      },
    }
  },
}

/** How Go finds Debian's packages; undefined if they are not there. */
function environment(): NodeJS.ProcessEnv | undefined {
  const areThere = packages.every((name) => existsSync(join(debian, 'src', name)))
  return areThere ? { GO111MODULE: 'off', GOPATH: debian, GOFLAGS: '' } : undefined
}
