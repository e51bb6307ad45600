// The first preload of a generation, by `--require` in NODE_OPTIONS. It runs before all other preloads,
// so that their listeners are handed over as well. It is CommonJS, since Node.js runs `--require`
// before `--import`.

const { dirname, join } = require('node:path') as typeof import('node:path')
const { pathToFileURL } = require('node:url') as typeof import('node:url')
const { isMainThread } = require('node:worker_threads') as typeof import('node:worker_threads')
// The bundle of this file has its code in it.
const { createLoader } = require('./bundles/loader.ts') as typeof import('./bundles/loader.ts')

type Bundle = Record<'preloadMainThread' | 'preloadWorkerThread', () => void>
type Standby = typeof import('./standby/standby.ts', { with: { 'resolution-mode': 'import' }})

/** Left in the environment for a new process that this process starts itself. */
const variable = 'HANDOFF_FIRST_MODULE'
const { env } = process
const options = env.NODE_OPTIONS ?? ''
const own = `--require ${/[\s"\\]/.test(__filename) ? JSON.stringify(__filename) : __filename}`

// The program and its children get the operator's options only.
if (options === own || options.startsWith(`${own} `)) {
  const rest = options.slice(own.length + 1)
  if (rest === '') delete env.NODE_OPTIONS
  else env.NODE_OPTIONS = rest
  if (isMainThread) env[variable] = own
}
// If the operator turned off require(esm), the supervisor passes the preloads as arguments, which run later.
const isLoadedLater = process.execArgv.some((flag) => flag.endsWith('/preload/report-exception.js'))
if (!isLoadedLater) preload()

function preload(): void {
  const bundles = pathToFileURL(join(dirname(__dirname), 'bundles')).href
  const { load } = createLoader(bundles)
  if (!isMainThread) return load<Bundle>('preload/worker-thread.cjs').preloadWorkerThread()
  const begin = () => {
    load('preload/report-exception.cjs')
    load<Bundle>('preload/main-thread.cjs').preloadMainThread()
  }
  if (env.HANDOFF_STANDBY === undefined) return begin()
  // Started ahead: everything is loaded, and the preload begins with the word.
  for (const name of ['preload/main-thread.cjs', 'process/create.cjs']) load(name)
  const { beginLater, awaitWord } = load<Standby>('preload/standby/standby.cjs')
  beginLater(begin)
  if (!process.execArgv.some((flag) => flag.endsWith('/preload/standby/await-word.js'))) awaitWord()
}

// A program that lists require.cache finds its own modules only.
delete require.cache[__filename]
