// The first preload of a generation, by `--require` in NODE_OPTIONS. It runs before all other preloads,
// so that their listeners are handed over as well. It is CommonJS, since Node.js runs `--require`
// before `--import`.

const { isMainThread } = require('node:worker_threads') as typeof import('node:worker_threads')

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
if (!isLoadedLater) load()

function load(): void {
  if (isMainThread) {
    require('./report-exception.js')
    require('./main-thread.js').preloadMainThread()
  } else {
    try {
      require('./worker-thread.js').preloadWorkerThread()
    } catch (error) {
      // The module hooks thread of Node.js 22 cannot load ES modules from here.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_METHOD_NOT_IMPLEMENTED') throw error
    }
  }
}

// A program that lists require.cache finds its own modules only.
for (const path of Object.keys(require.cache)) {
  if (path.startsWith(__dirname.slice(0, -'preload'.length))) delete require.cache[path]
}
