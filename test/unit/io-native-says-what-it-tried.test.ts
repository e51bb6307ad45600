import { afterEach, expect, onTestFinished, test, vi } from 'vitest'

const failure = vi.hoisted(() => ({ next: undefined as Error | undefined }))

vi.mock('node:module', async (original) => {
  const real = await original<typeof import('node:module')>()
  const createRequire = (url: string) => (path: string) => {
    if (failure.next) throw failure.next
    return real.createRequire(url)(path)
  }
  return { ...real, createRequire }
})

const platform = process.platform

afterEach(() => {
  failure.next = undefined
  Object.defineProperty(process, 'platform', { value: platform })
  vi.resetModules()
})

/** A fresh loader, that has loaded nothing yet. */
const freshLoader = async () => (await import('../../packages/handoff/src/io/native.ts')).loadNative

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

test('an addon that is nowhere: the error names each place', async () => {
  failure.next = Object.assign(new Error('nothing there'), { code: 'MODULE_NOT_FOUND' })
  const error = thrownBy(await freshLoader())
  expect(error.code).toBe('ERR_HANDOFF_ADDON_NOT_FOUND')
  expect(error.message).toContain(`prebuilds/${platform}-${process.arch}/socket_handoff.node`)
  expect(error.message.match(/build\/Release\/socket_handoff\.node/g)).toHaveLength(2)
  expect(error.message).toContain('npm run build:native')
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
  expect(error.message).toContain(`this is ${runtime}, which is not Node.js`)
})
