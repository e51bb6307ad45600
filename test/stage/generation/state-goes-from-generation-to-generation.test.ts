// What the application hands over: when it is exported and imported, and what comes of a failure.

import { closeSync, mkdirSync, openSync, readdirSync, writeFileSync } from 'node:fs'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type StateOptions, States } from '../../../packages/handoff/src/generation/states.ts'
import { exportStates } from '../../../packages/handoff/src/old/offer/export-state.ts'
import { until } from '../../support/until.ts'
import { ask, connect, whereIs } from '../support/clients.ts'
import { type Generation, openPlace, type Place } from '../support/place.ts'

const where = { host: '127.0.0.1', port: 0 }

/** A state that holds one value, and remembers how often it was exported. */
function cell<T>(value: T, when: 'start' | 'commit' = 'commit') {
  const self = {
    value,
    exported: 0,
    when,
    export: (): T | Promise<T> => {
      self.exported += 1
      return self.value
    },
    import: (next: T): void | Promise<void> => {
      self.value = next
    },
  }
  return self satisfies StateOptions<T>
}

/** A generation that serves, after it has registered its states. */
async function serveWith(place: Place, states: Record<string, StateOptions<never>>) {
  const generation = await place.start()
  for (const [key, state] of Object.entries(states)) generation.handoff.state(key, state)
  const server = await generation.listen(where)
  await generation.handoff.ready()
  return { generation, server }
}

const warnings = (generation: Generation) => generation.all('warning').map(({ message }) => message)

describe.each(['start', 'commit'] as const)('exported at %s', (when) => {
  test.each<[string, unknown]>([
    ['a number', 42],
    ['null', null],
    ['an object', { 'schlüssel ': ['a', { b: false }] }],
    ['a large object', { text: 'ü'.repeat(200_000) }],
    ['no byte', new Uint8Array(0)],
    ['some bytes', Uint8Array.of(0, 255, 128)],
    ['many bytes', new Uint8Array(3_000_000).fill(7)],
  ])('%s arrives as it was, and goes on from there', async (_, value) => {
    const place = openPlace()
    const cells = [cell(value, when), cell<unknown>(0, when), cell<unknown>(0, when)]
    for (const [index, state] of cells.entries()) {
      await serveWith(place, { it: state as StateOptions<never> })
      if (value instanceof Uint8Array) {
        expect(Buffer.from(state.value as Uint8Array).equals(value)).toBe(true)
      } else expect(state.value).toEqual(value)
      expect(state.exported).toBe(0)
      if (index > 0) expect(cells[index - 1]?.exported).toBe(1)
    }
  })

  test('many of them, by key, small ones and large ones', async () => {
    const place = openPlace()
    const make = (fill: (index: number) => string) =>
      Object.fromEntries(
        Array.from({ length: 40 }, (_, i) => [`key ${i}`, cell(fill(i), when)]),
      ) as Record<string, ReturnType<typeof cell<string>>>
    const old = make((i) => `${i}`.repeat(i * 200))
    const next = make(() => '')
    await serveWith(place, old as never)
    await serveWith(place, next as never)
    for (const key of Object.keys(old)) expect(next[key]?.value).toBe(old[key]?.value)
  })

  test.each<[string, () => unknown, string]>([
    [
      'throws',
      () => {
        throw new Error('no value today')
      },
      'no value today',
    ],
    ['rejects', () => Promise.reject(new Error('no value today')), 'no value today'],
    ['gives what is no JSON', () => undefined, 'undefined is neither JSON nor bytes'],
    [
      'gives a circle',
      () => {
        const a: unknown[] = []
        a.push(a)
        return a
      },
      'circular',
    ],
  ])('an export that %s aborts the handoff; the next one exports again', async (_, give, why) => {
    const place = openPlace()
    const state = cell<unknown>(1, when)
    const { generation: old, server } = await serveWith(place, { it: state as never })
    vi.spyOn(state, 'export').mockImplementationOnce(give)
    const failed = serveWith(place, {})
    await expect(failed).rejects.toMatchObject({ code: 'ERR_HANDOFF_STATE', serving: 'old' })
    expect(await old.told('aborted')).toMatchObject({
      code: 'ERR_HANDOFF_STATE',
      stage: 'send',
      serving: 'old',
      message: expect.stringContaining(`"it" could not be exported: `),
    })
    expect(old.all('aborted')[0]?.message).toContain(why)
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
    expect(old.all('taken-back')).toEqual([])
    expect(old.handoff.metrics().handoffs).toEqual({ completed: 0, aborted: 1, takenBack: 0 })

    const imported = cell<unknown>(0, when)
    const { generation } = await serveWith(place, { it: imported as never })
    expect(imported.value).toBe(1)
    expect(await ask(whereIs(server))).toBe(String(generation.system.pid))
  })

  test('an export that hangs aborts the handoff, and its late value goes nowhere', async () => {
    const place = openPlace()
    const state = cell(1, when)
    const { generation: old, server } = await serveWith(place, { it: state as never })
    let finish: (value: number) => void = () => {}
    const late = new Promise<number>((resolve) => {
      finish = resolve
    })
    const spy = vi.spyOn(state, 'export').mockImplementationOnce(() => late)
    const failed = serveWith(place, {})
    failed.catch(() => {})
    await until('it is asked', () => spy.mock.calls.length > 0)
    old.system.advance(when === 'start' ? 30_000 : 5_000)
    await expect(failed).rejects.toMatchObject({ code: 'ERR_HANDOFF_STATE', serving: 'old' })
    expect((await old.told('aborted')).message).toMatch(/"it".* was not exported within \d+ ms/)
    finish(666)
    const imported = cell(0, when)
    await serveWith(place, { it: imported as never })
    expect(imported.value).toBe(1)
    await expect(ask(whereIs(server))).resolves.not.toBe(String(old.system.pid))
  })

  test('no room for a large value: the handoff aborts', async () => {
    const place = openPlace()
    const { generation: old, server } = await serveWith(place, {
      it: cell('x'.repeat(100_000), when) as never,
    })
    vi.stubEnv('TMPDIR', place.path('no such directory'))
    await expect(serveWith(place, {})).rejects.toMatchObject({ code: 'ERR_HANDOFF_STATE' })
    expect((await old.told('aborted')).message).toContain('ENOENT')
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
  })

  test('a large value leaves no file behind', async () => {
    const place = openPlace()
    mkdirSync(place.path('tmp'))
    vi.stubEnv('TMPDIR', place.path('tmp'))
    await serveWith(place, { it: cell('x'.repeat(100_000), when) as never })
    const imported = cell('', when)
    await serveWith(place, { it: imported as never })
    expect(imported.value).toHaveLength(100_000)
    expect(readdirSync(place.path('tmp'))).toEqual([])
  })

  test('one that the new process does not know is a warning there', async () => {
    const place = openPlace()
    await serveWith(place, { it: cell(1, when) as never })
    const { generation } = await serveWith(place, {})
    expect(warnings(generation)).toEqual([expect.stringContaining('"it"')])
  })

  test('one that the old process does not know is not imported', async () => {
    const place = openPlace()
    await serveWith(place, {})
    const state = cell(7, when)
    const { generation } = await serveWith(place, { it: state as never })
    expect(state.value).toBe(7)
    expect(warnings(generation)).toEqual([])
  })

  test('a new process that dies is taken back, with the value that the old one still has', async () => {
    const place = openPlace()
    const state = cell(1, when)
    const { generation: old } = await serveWith(place, { it: state as never })
    const peer = place.newPeer()
    await peer.takeOver()
    peer.die()
    await old.told('taken-back')
    state.value = 2
    const imported = cell(0, when)
    await serveWith(place, { it: imported as never })
    expect(imported.value).toBe(2)
    expect(state.exported).toBe(2)
  })
})

describe('exported at start', () => {
  test('it is there when the application registers it, and ready waits for its import', async () => {
    const place = openPlace()
    await serveWith(place, { it: cell('value', 'start') as never })
    const next = await place.start()
    let finish = () => {}
    const seen: unknown[] = []
    next.handoff.state('it', {
      when: 'start',
      export: () => 0,
      import: (value) => {
        seen.push(value)
        return new Promise<void>((resolve) => {
          finish = resolve
        })
      },
    })
    expect(seen).toEqual(['value'])
    await next.listen(where)
    const ready = next.handoff.ready()
    await new Promise(setImmediate)
    expect(next.all('stage').map(({ stage }) => stage)).not.toContain('ready')
    finish()
    await ready
  })

  test.each<[string, () => void | Promise<void>]>([
    [
      'throws',
      () => {
        throw new Error('cannot read it')
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('cannot read it')
      },
    ],
  ])('an import that %s aborts the handoff, and the old process serves on', async (_, take) => {
    const place = openPlace()
    const { generation: old, server } = await serveWith(place, { it: cell(1, 'start') as never })
    const next = await place.start()
    next.handoff.state('it', { when: 'start', export: () => 0, import: take })
    await expect(next.handoff.ready()).rejects.toMatchObject({
      code: 'ERR_HANDOFF_STATE',
      stage: 'adopt',
      serving: 'old',
    })
    expect(next.system.exits).toEqual([1])
    expect(await old.told('aborted')).toMatchObject({
      code: 'ERR_HANDOFF_STATE',
      message: expect.stringContaining('cannot read it'),
    })
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
  })

  test('an import that hangs aborts the handoff when the time to be ready is over', async () => {
    const place = openPlace()
    const { generation: old } = await serveWith(place, { it: cell(1, 'start') as never })
    const next = await place.start()
    const hang = () => new Promise<void>(() => {})
    next.handoff.state('it', { when: 'start', export: () => 0, import: hang })
    const ready = next.handoff.ready()
    next.system.advance(60_000)
    await expect(ready).rejects.toMatchObject({ code: 'ERR_HANDOFF_STATE', serving: 'old' })
    expect((await old.told('aborted')).message).toContain('"it" was not imported within 60000 ms')
  })
})

describe('exported at commit', () => {
  test('nobody accepts between export and import; who comes meanwhile waits', async () => {
    const place = openPlace()
    const order: string[] = []
    const state = cell(1)
    const { generation: old, server } = await serveWith(place, { it: state as never })
    old.own(server).on('connection', () => order.push('the old one accepts'))
    state.export = async () => {
      order.push('export')
      const client = await connect(whereIs(server))
      await new Promise(setImmediate)
      client.destroy()
      return 1
    }
    const next = await place.start()
    let finish = () => {}
    next.handoff.state('it', {
      export: () => 0,
      import: () => {
        order.push('import')
        return new Promise<void>((resolve) => {
          finish = resolve
        })
      },
    })
    const successor = await next.listen(where)
    successor.on('connection', () => order.push('the new one accepts'))
    const ready = next.handoff.ready()
    await until('the import has begun', () => order.includes('import'))
    const reply = ask(whereIs(server))
    await new Promise(setImmediate)
    expect(order).toEqual(['export', 'import'])
    expect(next.all('serving')).toEqual([])
    finish()
    await ready
    expect(await reply).toBe(String(next.system.pid))
    expect(new Set(order)).toEqual(new Set(['export', 'import', 'the new one accepts']))
  })

  test.each<[string, () => void | Promise<void>, string]>([
    [
      'throws',
      () => {
        throw new Error('cannot read it')
      },
      'cannot read it',
    ],
    [
      'rejects',
      async () => {
        throw new Error('cannot read it')
      },
      'cannot read it',
    ],
  ])('an import that %s is a warning: there is no way back', async (_, take, why) => {
    const place = openPlace()
    const { server } = await serveWith(place, { it: cell(1) as never })
    const { generation } = await serveWith(place, {
      it: { export: () => 0, import: take } as never,
    })
    expect(warnings(generation)).toEqual([expect.stringContaining(why)])
    expect(await ask(whereIs(server))).toBe(String(generation.system.pid))
  })

  test('an import that hangs holds the clients up for no more than its deadline', async () => {
    const place = openPlace()
    const { server } = await serveWith(place, { it: cell(1) as never })
    const next = await place.start()
    let asked = false
    const hang = () => {
      asked = true
      return new Promise<void>(() => {})
    }
    next.handoff.state('it', { export: () => 0, import: hang })
    await next.listen(where)
    const ready = next.handoff.ready()
    await until('the import has begun', () => asked)
    next.system.advance(5_000)
    await ready
    expect(warnings(next)).toEqual([expect.stringContaining('not imported within 5000 ms')])
    expect(await ask(whereIs(server))).toBe(String(next.system.pid))
  })

  test('the new process dies while the old one exports: that accepts again', async () => {
    const place = openPlace()
    const state = cell(1)
    const { generation: old, server } = await serveWith(place, { it: state as never })
    let exports = false
    state.export = () => {
      exports = true
      return new Promise<number>(() => {})
    }
    const peer = place.newPeer()
    await peer.receive()
    peer.say({ type: 'ready', claimed: [], takes: {} })
    await until('it has stopped accepting', () => exports)
    const queued = ask(whereIs(server))
    peer.die()
    expect(await old.told('aborted')).toMatchObject({
      code: 'ERR_HANDOFF_PEER_GONE',
      stage: 'send',
    })
    expect(await queued).toBe(String(old.system.pid))
    expect(old.all('taken-back')).toEqual([])
    old.system.advance(60_000)
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
  })

  test('the old process is stopped while it exports: the new one aborts', async () => {
    const place = openPlace()
    const state = cell(1)
    const { generation: old } = await serveWith(place, { it: state as never })
    let exports = false
    state.export = () => {
      exports = true
      return new Promise<number>(() => {})
    }
    const failed = serveWith(place, {})
    failed.catch(() => {})
    await until('it has stopped accepting', () => exports)
    void old.handoff.stop()
    await expect(failed).rejects.toMatchObject({ code: 'ERR_HANDOFF_STOPPING' })
    expect(await old.exit()).toBe(0)
    expect(place.files).toEqual([])
  })

  test('the old process dies before it has committed: what came is imported', async () => {
    const place = openPlace()
    const old = place.oldPeer()
    const next = place.generation()
    const started = next.handoff.start()
    const peer = await old.send([old.rendezvous])
    await started
    const state = cell(0)
    next.handoff.state('it', state)
    const ready = next.handoff.ready()
    await peer.hear('ready')
    peer.say({ type: 'state', key: 'it', when: 'commit', encoding: 'json', value: 5 })
    await until('it has come', () => state.value === 0)
    old.die()
    await ready
    expect(state.value).toBe(5)
  })
})

describe('what is no value', () => {
  const cases: [string, (fds: number[]) => { length: number; fds: number[] }][] = [
    ['no descriptor', () => ({ length: 5, fds: [] })],
    ['a file of another length', ([file = -1]) => ({ length: 6, fds: [file] })],
    ['a directory', ([, directory = -1]) => ({ length: 4096, fds: [directory] })],
    ['two descriptors', ([file = -1]) => ({ length: 5, fds: [file, file] })],
  ]

  test.each(cases)('%s: the new process gives up', async (_, make) => {
    const place = openPlace()
    writeFileSync(place.path('value'), '"abc"')
    const fds = [openSync(place.path('value'), 'r'), openSync(place.directory, 'r')]
    const old = place.oldPeer()
    const started = place.generation().handoff.start()
    const peer = await old.offer([old.rendezvous])
    const { length, fds: sent } = make(fds)
    peer.say({ type: 'state', key: 'it', when: 'start', encoding: 'json', length }, sent)
    await expect(started).rejects.toMatchObject({
      code: 'ERR_HANDOFF_DESCRIPTOR_MISMATCH',
      serving: 'old',
    })
    for (const fd of fds) closeSync(fd)
  })

  test('a file that is no JSON: its text is in no error', async () => {
    const place = openPlace()
    writeFileSync(place.path('value'), 'top secret')
    const fd = openSync(place.path('value'), 'r')
    const old = place.oldPeer()
    const next = place.generation()
    const started = next.handoff.start()
    const peer = await old.offer([old.rendezvous])
    peer.say({ type: 'state', key: 'it', when: 'start', encoding: 'json', length: 10 }, [fd])
    await expect(started).rejects.toMatchObject({ code: 'ERR_HANDOFF_PROTOCOL' })
    expect(JSON.stringify(next.events)).not.toContain('secret')
    closeSync(fd)
  })
})

describe('misuse throws', () => {
  const good = { export: () => 1, import: () => {} }
  test.each<[string, string, unknown]>([
    ['an empty key', '', good],
    ['a long key', 'k'.repeat(201), good],
    ["a key of the library's own", 'handoff:ticket-keys', good],
    ['no export', 'it', { import: () => {} }],
    ['no import', 'it', { export: () => 1 }],
    ['another moment', 'it', { ...good, when: 'drain' }],
  ])('%s', (_, key, options) => {
    const { handoff } = openPlace().generation()
    expect(() => handoff.state(key, options as StateOptions<unknown>)).toThrow(
      expect.objectContaining({ code: 'ERR_HANDOFF_INVALID_OPTION' }),
    )
  })

  test('the same key twice, unless the first was undone', () => {
    const { handoff } = openPlace().generation()
    const undo = handoff.state('it', good)
    expect(() => handoff.state('it', good)).toThrow(
      expect.objectContaining({ code: 'ERR_HANDOFF_INVALID_OPTION' }),
    )
    undo()
    handoff.state('it', good)
    undo()
    expect(() => handoff.state('it', good)).toThrow()
  })
})

test('what is undone is not handed over', async () => {
  const place = openPlace()
  const state = cell(1)
  const { generation: old } = await serveWith(place, {})
  old.handoff.state('it', state)()
  const { generation } = await serveWith(place, {})
  expect(state.exported).toBe(0)
  expect(warnings(generation)).toEqual([])
})

test('where nothing is to be exported, the commit takes no turn of the event loop', () => {
  const states = new States(() => {})
  states.define('it', cell(1, 'start'))
  const { system } = openPlace().generation()
  const exporting = { states, system, peer: undefined as never, timeoutMs: 1 }
  expect(exportStates('commit', exporting)).toBeUndefined()
  expect(system.pendingTimers).toBe(0)
})

afterEach(() => vi.unstubAllEnvs())
