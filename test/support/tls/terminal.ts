// Programs that connect standard input to TLS: `openssl s_client` and `gnutls-cli`. They can change keys.

import { certificateFile } from '../certificate.ts'
import { type Answer, answerOf, type Foreign, type ForeignClient, runs } from './foreign-client.ts'
import { Program } from './program.ts'

const request = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

class Terminal implements ForeignClient {
  readonly program: Program
  readonly #changeKeys: (round: number) => Promise<void>
  #lines = 0
  #rounds = 0

  constructor(program: Program, changeKeys: (round: number) => Promise<void>) {
    this.program = program
    this.#changeKeys = changeKeys
  }

  async ask(): Promise<Answer[]> {
    const first = await this.#send()
    await this.#changeKeys(this.#rounds++)
    return [first, await this.#send()]
  }

  async close(): Promise<void> {
    await this.program.end()
  }

  async #send(): Promise<Answer> {
    const { printed } = this.program
    const from = this.#lines
    this.program.say(request)
    await printed.waitFor(/^hello/, { from })
    this.#lines = printed.lines.findIndex((line, index) => index >= from && /^hello/.test(line)) + 1
    const reply = printed.lines.slice(from, this.#lines).join('\n')
    return answerOf(reply, true)
  }
}

export const sClient: Foreign = {
  name: 's_client of OpenSSL',
  isInstalled: runs('openssl', 'version'),
  async open({ port, version }) {
    const flags = ['-CAfile', certificateFile, '-verify_return_error', '-servername', 'localhost']
    flags.push(version === 'TLSv1.3' ? '-tls1_3' : '-tls1_2')
    const args = ['s_client', '-connect', `127.0.0.1:${port}`, ...flags]
    const program = new Program('s_client', 'openssl', args)
    await program.printed.waitFor(/^ *Verify return code: 0/)
    // TLS 1.2 has no change of keys without a new handshake.
    const changeKeys = async (round: number) => {
      if (version === 'TLSv1.2') return
      const from = program.complaints.lines.length
      // `K` asks the server for new keys too; `k` does not.
      program.say(round % 2 === 0 ? 'K\n' : 'k\n')
      await program.complaints.waitFor(/KEYUPDATE/, { from })
    }
    return new Terminal(program, changeKeys)
  },
}

export const gnutls: Foreign = {
  name: 'gnutls-cli',
  isInstalled: runs('gnutls-cli', '--version'),
  async open({ port, version }) {
    const priority = `NORMAL:-VERS-ALL:+VERS-TLS${version.slice('TLSv'.length)}`
    const flags = ['--x509cafile', certificateFile, '--priority', priority, '-p', `${port}`]
    const program = new Program('gnutls-cli', 'gnutls-cli', [...flags, '127.0.0.1'])
    await program.printed.waitFor(/Handshake was completed|Simple Client Mode/)
    return new Terminal(program, async () => {})
  },
}
