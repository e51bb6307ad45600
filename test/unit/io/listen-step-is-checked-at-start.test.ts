// The undocumented step of `listen` is relied on only where Node.js calls it as known.

import { once } from 'node:events'
import net, { type AddressInfo, type Server } from 'node:net'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { dup } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { callsBindStep } from '../../../packages/handoff/src/io/node/internals/bind-step.ts'

const { prototype } = net.Server
const step = '_listen2'
const nodes = {
  listen: Object.getOwnPropertyDescriptor(prototype, 'listen') as PropertyDescriptor,
  [step]: Object.getOwnPropertyDescriptor(prototype, step) as PropertyDescriptor,
}

beforeEach(() => vi.resetModules())

afterEach(() => void Object.defineProperties(prototype, nodes))

/** Node.js as it may be one day: `listen` goes another way than by the step of the prototype. */
function renameStep(): void {
  const { value: listen } = nodes.listen
  const { value: bind } = nodes[step]
  prototype.listen = function (this: Server, ...args: unknown[]) {
    Object.defineProperty(this, step, { value: bind, configurable: true })
    return Reflect.apply(listen, this, args)
  }
}

async function loadHook() {
  return await import('../../../packages/handoff/src/io/hooks/listen-hook.ts')
}

test('this Node.js calls it as known, and the check binds nothing', async () => {
  expect(callsBindStep()).toBe(true)
  expect(process.getActiveResourcesInfo()).not.toContain('TCPServerWrap')
  expect((await loadHook()).hooksBindStep).toBe(true)
})

describe('elsewhere `listen` is hooked', () => {
  test.each<[string, () => void]>([
    ['the step is missing', () => void Reflect.deleteProperty(prototype, step)],
    ['the step is not called', renameStep],
    ['the listen of the check throws', () => void Reflect.set(prototype, 'listen', fails)],
  ])('where %s', async (_, change) => {
    change()
    expect(callsBindStep()).toBe(false)
    expect((await loadHook()).hooksBindStep).toBe(false)
  })

  test('where the step has its arguments in another order', async () => {
    const { value: listen } = nodes.listen
    prototype.listen = function (this: Server, ...args: unknown[]) {
      const known = Reflect.get(this, step) as (...given: unknown[]) => void
      const value = (address: unknown, port: unknown, ...rest: unknown[]) =>
        Reflect.apply(known, this, [port, address, ...rest])
      Object.defineProperty(this, step, { value, configurable: true })
      return Reflect.apply(listen, this, args)
    }
    expect(callsBindStep()).toBe(false)
  })

  test('it intercepts by what the call says, and emits its errors', async () => {
    renameStep()
    const { interceptListen } = await loadHook()
    const asked: unknown[] = []
    const undo = interceptListen({
      claims: (_, { port }) => port === 1,
      listen: (_, options) => {
        asked.push(options)
        return Promise.reject(new Error('refused'))
      },
    })
    onTestFinished(undo)
    const server = net.createServer()
    const inherited = Object.create({ host: '127.0.0.1', ipv6Only: true })
    server.listen(Object.assign(inherited, { port: 1 }))
    expect(() => server.listen(1)).toThrow(/more than once/)
    const [error] = await once(server, 'error')
    expect(error.message).toBe('refused')
    expect(asked).toEqual([{ port: 1, host: '127.0.0.1', ipv6Only: true }])
  })

  test('the rest is bound by Node.js, and so is what its interceptor leaves to it', async () => {
    renameStep()
    const { interceptListen, listenOnDescriptor } = await loadHook()
    let lefts = 0
    const undo = interceptListen({
      claims: (_, { host }) => host === '127.0.0.1',
      listen: async (_, __, own) => {
        lefts += 1
        own()
      },
    })
    const unclaimed = net.createServer().listen(0, '::1')
    const left = net.createServer().listen(0, '127.0.0.1')
    const onDescriptor = net.createServer()
    onTestFinished(() => {
      for (const server of [unclaimed, left, onDescriptor]) server.close()
    })
    await Promise.all([once(unclaimed, 'listening'), once(left, 'listening')])
    expect((left.address() as AddressInfo).address).toBe('127.0.0.1')
    listenOnDescriptor(onDescriptor, dup(Reflect.get(left, '_handle').fd))
    await once(onDescriptor, 'listening')
    expect(lefts).toBe(1)
    const before = prototype.listen
    undo()
    expect(prototype.listen).not.toBe(before)
  })
})

function fails(): never {
  throw new TypeError('server._bind is not a function')
}
