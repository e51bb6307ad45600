// Clients of test/peers: each line is a round of requests, and its answers are a line of JSON.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { hasPython } from '../../peers/peers.ts'
import { certificateFile } from '../certificate.ts'
import { scratchDirectory } from '../scratch.ts'
import type { Answer, ClientOptions, Foreign, ForeignClient } from './foreign-client.ts'
import { runs } from './foreign-client.ts'
import { Program } from './program.ts'

const peer = (name: string) => fileURLToPath(new URL(`../../peers/${name}`, import.meta.url))

class AskedByLine implements ForeignClient {
  readonly #program: Program
  #rounds = 0

  constructor(program: Program) {
    this.#program = program
  }

  async ask(): Promise<Answer[]> {
    const from = this.#rounds++
    this.#program.say('ask\n')
    const [line] = await this.#program.printed.waitFor(/.*/, { from })
    return JSON.parse(line)
  }

  close(): Promise<void> {
    return this.#program.end()
  }
}

function start(name: string, command: readonly string[], { port, version }: ClientOptions) {
  const [file = '', ...args] = command
  const env = { NODE_EXTRA_CA_CERTS: certificateFile }
  const all = [...args, `${port}`, certificateFile, version]
  return { name, file, all, env }
}

export const python: Foreign = {
  name: 'http.client of Python',
  isInstalled: hasPython,
  async open(options) {
    const { name, file, all } = start(
      'Python',
      ['python3', '-B', peer('secure_client.py')],
      options,
    )
    return new AskedByLine(new Program(name, file, all))
  },
}

export const go: Foreign = {
  name: 'net/http of Go',
  isInstalled: runs('go', 'version'),
  async open(options) {
    const program = join(scratchDirectory(), 'client')
    await promisify(execFile)('go', ['build', '-o', program, peer('secure-client.go')])
    const { name, file, all } = start('Go', [program], options)
    return new AskedByLine(new Program(name, file, all))
  },
}

function node(client: 'fetch' | 'agent', name: string): Foreign {
  return {
    name,
    isInstalled: true,
    async open(options) {
      const { file, all, env } = start(name, [process.execPath, peer('secure-client.mjs')], options)
      return new AskedByLine(new Program(name, file, [...all, client], env))
    },
  }
}

export const undici = node('fetch', 'fetch of Node.js')
export const agent = node('agent', 'Agent of node:https')
