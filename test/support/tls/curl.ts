// curl with many URLs: it keeps its connection, and waits at the body of an upload that comes out of a FIFO.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { certificateFile } from '../certificate.ts'
import { scratchDirectory } from '../scratch.ts'
import { type Answer, answerOf, type Foreign, type ForeignClient, runs } from './foreign-client.ts'
import { Program } from './program.ts'

/** Printed after each reply, to the stream without a buffer. `num_connects` is 0 if no connection was opened for it. */
const wrote = '%{stderr}\\nreply %{http_code} %{num_connects} connects\\n'

class Curl implements ForeignClient {
  readonly #program: Program
  /** One for each round: curl opens it at the start of a request, and waits until this side does. */
  readonly #pipes: string[]
  #lines = 0

  constructor(program: Program, pipes: string[]) {
    this.#program = program
    this.#pipes = pipes
  }

  async ask(): Promise<Answer[]> {
    const body = Buffer.alloc(700_000, 'from curl; ')
    const pipe = createWriteStream(this.#pipes.shift() as string)
    pipe.end(body)
    await once(pipe, 'close')
    const upload = await this.#reply()
    const short = await this.#reply()
    const digest = createHash('sha256').update(body).digest('hex')
    return [answerOf(upload, upload.includes(digest)), answerOf(short, short.includes('hello'))]
  }

  async close(): Promise<void> {
    await this.#program.end()
  }

  /** Head and body of the next reply. */
  async #reply(): Promise<string> {
    const { printed } = this.#program
    const from = this.#lines
    const [last = ''] = await printed.waitFor(/^reply .*/, { from })
    this.#lines = printed.lines.indexOf(last, from) + 1
    return printed.lines.slice(from, this.#lines).join('\n')
  }
}

export const curl: Foreign = {
  name: 'curl',
  isInstalled: runs('curl', '--version'),
  async open({ port, version, rounds }) {
    const directory = scratchDirectory()
    const pipes = Array.from({ length: rounds }, (_, round) => join(directory, `${round}`))
    execFileSync('mkfifo', pipes)
    const number = version.slice('TLSv'.length)
    const flags = ['-sSiN', '--cacert', certificateFile, '-w', wrote]
    flags.push('--http1.1', `--tlsv${number}`, '--tls-max', number)
    const url = (path: string) => `https://127.0.0.1:${port}${path}`
    const requests = pipes.flatMap((pipe) => [['-T', pipe, url('/upload')], [url('/')]])
    const args = requests.flatMap((request) => ['--next', ...flags, ...request]).slice(1)
    return new Curl(new Program('curl', 'sh', ['-c', 'exec curl "$@" 2>&1', 'sh', ...args]), pipes)
  },
}
