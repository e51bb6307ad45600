// HTTPS clients of Node.js: a round of requests for each line on stdin. The last argument names the client:
// `fetch` (undici) or `agent` (node:https). NODE_EXTRA_CA_CERTS names the certificate.

import { createHash } from 'node:crypto'
import https from 'node:https'
import { createInterface } from 'node:readline'
import { buffer } from 'node:stream/consumers'
import tls from 'node:tls'

const [port, , version, client] = process.argv.slice(2)
tls.DEFAULT_MIN_VERSION = version
tls.DEFAULT_MAX_VERSION = version
const body = Buffer.alloc(700_000)
const type = { 'content-type': 'application/octet-stream' }
const url = (path) => `https://127.0.0.1:${port}${path}`
const digest = (data) => createHash('sha256').update(data).digest('hex')
const agent = new https.Agent({ keepAlive: true })

/** Each resolves with the headers and the body. */
const clients = {
  async fetch(path, sent) {
    const init = sent && { method: 'POST', body: sent, headers: type }
    const response = await fetch(url(path), init)
    const got = Buffer.from(await response.arrayBuffer())
    return { headers: Object.fromEntries(response.headers), got }
  },
  async agent(path, sent) {
    const method = sent ? 'POST' : 'GET'
    const headers = sent ? { ...type, 'content-length': sent.length } : {}
    const request = https.request(url(path), { agent, method, headers }).end(sent)
    const response = await new Promise((resolve, reject) => {
      request.on('response', resolve)
      request.on('error', reject)
    })
    return { headers: response.headers, got: await buffer(response) }
  },
}

async function ask(path, isWhole, sent) {
  const { headers, got } = await clients[client](path, sent)
  const { 'x-pid': pid, 'x-port': port, 'x-tls': tls } = headers
  return { pid, port, tls, whole: isWhole(got, headers) }
}

for await (const _ of createInterface({ input: process.stdin })) {
  const answers = [
    await ask('/', (got) => `${got}` === 'hello\n'),
    await ask('/upload', (got) => `${got}` === digest(body), body),
    await ask('/large', (got, headers) => headers['x-sha256'] === digest(got)),
  ]
  console.log(JSON.stringify(answers))
}
process.exit()
