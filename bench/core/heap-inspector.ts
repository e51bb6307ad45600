// The heap of another Node.js process, by the inspector that SIGUSR1 opens in it.

import { readFileSync } from 'node:fs'
import { WebSocket } from 'ws'
import { until } from '../../test/support/until.ts'

/** All objects of one kind. */
export interface HeapRow {
  readonly name: string
  readonly count: number
  readonly bytes: number
}

interface Answer {
  id?: number
  method?: string
  params?: { chunk?: string }
  result?: { usedSize?: number }
}

interface Snapshot {
  snapshot: { meta: { node_fields: string[]; node_types: [string[]] } }
  nodes: number[]
  strings: string[]
}

/** The port of every inspector that a signal opens. */
const port = 9229

export class HeapInspector {
  readonly #pid: number
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #chunks: string[] = []
  #id = 0

  private constructor(pid: number, socket: WebSocket) {
    this.#pid = pid
    this.#socket = socket
    socket.on('message', (data) => this.#take(JSON.parse(String(data)) as Answer))
  }

  static async open(pid: number): Promise<HeapInspector> {
    process.kill(pid, 'SIGUSR1')
    const url = await until('an inspector', () => address())
    const socket = new WebSocket(url)
    await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject))
    const inspector = new HeapInspector(pid, socket)
    await inspector.#ask('HeapProfiler.enable')
    return inspector
  }

  /** What is in use after a full collection. */
  async usage(): Promise<{ usedBytes: number; residentKb: number }> {
    await this.#ask('HeapProfiler.collectGarbage')
    const { result } = await this.#ask('Runtime.getHeapUsage')
    const [, residentKb] =
      /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.#pid}/status`, 'utf8')) ?? []
    return { usedBytes: result?.usedSize ?? 0, residentKb: Number(residentKb) }
  }

  /** Every kind of object, with how many there are. */
  async snapshot(): Promise<HeapRow[]> {
    this.#chunks = []
    await this.#ask('HeapProfiler.collectGarbage')
    await this.#ask('HeapProfiler.takeHeapSnapshot', { reportProgress: false })
    const { snapshot, nodes, strings } = JSON.parse(this.#chunks.join('')) as Snapshot
    const { node_fields: fields, node_types: types } = snapshot.meta
    const at = (field: string) => fields.indexOf(field)
    const rows = new Map<string, { name: string; count: number; bytes: number }>()
    for (let node = 0; node < nodes.length; node += fields.length) {
      const type = types[0][nodes[node + at('type')] as number] ?? ''
      // Each string and piece of code has a name of its own.
      const own = type === 'object' || type === 'closure' || type === 'native'
      const name = own ? `${type} ${strings[nodes[node + at('name')] as number]}` : type
      const row = rows.get(name) ?? { name, count: 0, bytes: 0 }
      row.count += 1
      row.bytes += nodes[node + at('self_size')] as number
      rows.set(name, row)
    }
    return [...rows.values()]
  }

  close(): void {
    this.#socket.terminate()
  }

  #ask(method: string, params: object = {}): Promise<Answer> {
    const id = ++this.#id
    this.#socket.send(JSON.stringify({ id, method, params }))
    return new Promise((resolve) => this.#waiting.set(id, resolve))
  }

  #take(answer: Answer): void {
    if (answer.method === 'HeapProfiler.addHeapSnapshotChunk') {
      this.#chunks.push(answer.params?.chunk ?? '')
    } else if (answer.id !== undefined) {
      this.#waiting.get(answer.id)?.(answer)
      this.#waiting.delete(answer.id)
    }
  }
}

async function address(): Promise<string | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/json`)
    const [target] = (await response.json()) as { webSocketDebuggerUrl: string }[]
    return target?.webSocketDebuggerUrl
  } catch {
    return undefined
  }
}
