import { createRequire } from 'node:module'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'

/** What the next load finds. */
const failure = vi.hoisted(() => ({ next: undefined as Error | undefined, absent: false }))

vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>()
  const existsSync = (path: string) =>
    !(failure.absent && path.endsWith('.node')) && real.existsSync(path)
  return { ...real, existsSync }
})

const { dlopen } = process
process.dlopen = (...args: Parameters<typeof dlopen>) => {
  if (failure.next) throw failure.next
  dlopen(...args)
}

const platform = process.platform

afterEach(() => {
  failure.next = undefined
  failure.absent = false
  Object.defineProperty(process, 'platform', { value: platform })
  vi.resetModules()
})

/** A fresh loader, that has loaded nothing yet. */
const freshLoader = async () =>
  (await import('../../../packages/handoff/src/io/native/addon.ts')).loadNative

const thrownBy = (act: () => unknown) => {
  try {
    act()
  } catch (error) {
    return error as Error & { code?: string }
  }
  throw new Error('nothing was thrown')
}

test('the addon is loaded once', async () => {
  const loadNative = await freshLoader()
  const native = loadNative()
  failure.next = new Error('loaded again')
  expect(loadNative()).toBe(native)
})

test('it is not in the cache of require, which is the program’s', async () => {
  ;(await freshLoader())()
  const { cache } = createRequire(import.meta.url)
  expect(Object.keys(cache).filter((path) => path.endsWith('.node'))).toEqual([])
})

test('an addon that is nowhere: the error names each place, and the command that builds it', async () => {
  failure.absent = true
  const error = thrownBy(await freshLoader())
  expect(error.code).toBe('ERR_HANDOFF_ADDON_NOT_FOUND')
  expect(error.message).toContain(`prebuilds/${platform}-${process.arch}/socket-handoff.`)
  expect(error.message.match(/build\/Release\/socket_handoff\.node/g)).toHaveLength(2)
  expect(error.message).toContain('`npm run setup`')
})

test('an addon that does not load: the error is not swallowed', async () => {
  const cause = Object.assign(new Error('invalid ELF header'), { code: 'ERR_DLOPEN_FAILED' })
  failure.next = cause
  const error = thrownBy(await freshLoader())
  expect(error).toMatchObject({ code: 'ERR_HANDOFF_ADDON_NOT_FOUND', cause })
  expect(error.message).toContain('invalid ELF header')
})

test('Windows is told before anything is tried', async () => {
  Object.defineProperty(process, 'platform', { value: 'win32' })
  expect(thrownBy(await freshLoader()).code).toBe('ERR_HANDOFF_UNSUPPORTED_PLATFORM')
})

test.each(['bun', 'deno'])('%s is told before anything is tried', async (runtime) => {
  Object.defineProperty(process.versions, runtime, { value: '1.0.0', configurable: true })
  onTestFinished(() => void Reflect.deleteProperty(process.versions, runtime))
  const error = thrownBy(await freshLoader())
  expect(error.code).toBe('ERR_HANDOFF_UNSUPPORTED_PLATFORM')
  expect(error.message).toContain(`it needs Node.js, and this is ${runtime}`)
})
