import { describe, expect, test } from 'vitest'
import { readBindArguments } from '../../../packages/handoff/src/io/hooks/bind-hook.ts'
import type { ListenOptions } from '../../../packages/handoff/src/io/node/listen-arguments.ts'
import { isHandedOver, readList } from '../../../packages/handoff/src/preload/handed-over-places.ts'

describe('what is taken', () => {
  test.each([
    [{ port: 3000 }, true],
    [{ path: '/run/app.sock' }, true],
    [{ port: 0 }, false],
    [{ fd: 3 }, false],
    [{}, false],
  ])('%o: %s', (where, taken) => {
    expect(isHandedOver(where as ListenOptions, readList(''))).toBe(taken)
  })

  test.each([
    ['3000', { port: 3000 }, false],
    [' 9464 , 3000,', { port: 3000 }, false],
    ['/run/app.sock', { path: '/run/app.sock' }, false],
    ['*', { port: 3000 }, false],
    ['*', { path: '/run/app.sock' }, false],
    ['300', { port: 3000 }, true],
    ['/run', { path: '/run/app.sock' }, true],
    [undefined, { port: 3000 }, true],
  ])('HANDOFF_IGNORE=%s, %o: %s', (text, where, taken) => {
    expect(isHandedOver(where, readList(text))).toBe(taken)
  })
})

describe('the arguments of bind', () => {
  const callback = () => {}
  test.each([
    [[53], { port: 53 }],
    [['53', '127.0.0.1', callback], { port: 53, address: '127.0.0.1' }],
    [[53, callback], { port: 53 }],
    [[{ port: 53, address: '::1', exclusive: true }], { port: 53, address: '::1' }],
    [[{ port: 53, address: '' }], { port: 53 }],
    [[], { port: 0 }],
    [[callback], { port: 0 }],
    [[null], { port: 0 }],
    [[{ address: '::1' }], { port: 0, address: '::1' }],
  ])('%o', (args, request) => {
    expect(readBindArguments(args)).toEqual(request)
  })

  test.each([[[{ fd: 3 }]], [[{ recvStart: callback }]], [[-1]], [[65_536]], [['x']], [[1.5]]])(
    '%o is left to Node',
    (args) => {
      expect(readBindArguments(args)).toBeUndefined()
    },
  )
})
