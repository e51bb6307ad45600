// A page in Chromium that asks its server by fetch.

import { browser, openPage } from '../browser.ts'
import type { Answer, Foreign } from './foreign-client.ts'

export const chromium: Foreign = {
  name: 'Chromium',
  isInstalled: browser !== undefined,
  async open({ port }) {
    const visit = await openPage(`https://localhost:${port}/`, { ignoreHTTPSErrors: true })
    return {
      ask: () => visit.run<Answer[]>(asking),
      close: async () => {},
    }
  },
}

/** Runs in the page. */
const asking = `(async () => {
  const hex = (digest) => [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  const sha256 = async (data) => hex(await crypto.subtle.digest('SHA-256', data))
  const ask = async (path, isWhole, body) => {
    const method = body ? 'POST' : 'GET'
    const headers = body ? { 'content-type': 'application/octet-stream' } : {}
    const response = await fetch(path, { method, headers, body, cache: 'no-store' })
    const got = await response.arrayBuffer()
    const [pid, port, tls] = ['pid', 'port', 'tls'].map((name) => response.headers.get('x-' + name))
    return { pid, port, tls, whole: await isWhole(got, response.headers) }
  }
  const text = (got) => new TextDecoder().decode(got)
  const body = new Uint8Array(700_000)
  return [
    await ask('/', (got) => text(got) === 'hello\\n'),
    await ask('/upload', async (got) => text(got) === (await sha256(body)), body),
    await ask('/large', async (got, headers) => headers.get('x-sha256') === (await sha256(got))),
  ]
})()`
