// The first module of a generation, by `--require` in NODE_OPTIONS: Node.js runs it before whatever else
// is preloaded, so that what other preloads listen on is handed over, too. CommonJS, since modules
// of `--require` come before those of `--import`.

const { isMainThread } = require('node:worker_threads') as typeof import('node:worker_threads')

/** In the environment for a replacement that this process starts by itself. */
const variable = 'HANDOFF_FIRST_MODULE'
const { env } = process
const options = env.NODE_OPTIONS ?? ''
const own = `--require ${/[\s"\\]/.test(__filename) ? JSON.stringify(__filename) : __filename}`

// The program and its children get the operator's options alone.
if (options === own || options.startsWith(`${own} `)) {
  const rest = options.slice(own.length + 1)
  if (rest === '') delete env.NODE_OPTIONS
  else env.NODE_OPTIONS = rest
  if (isMainThread) env[variable] = own
}
// An operator may have turned off require(esm): then they are in arguments of their own, which run later.
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
      // In the thread of module hooks Node.js 22 cannot load ES modules from here.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_METHOD_NOT_IMPLEMENTED') throw error
    }
  }
}

// A program that lists what is loaded finds its own modules.
for (const path of Object.keys(require.cache)) {
  if (path.startsWith(__dirname.slice(0, -'preload'.length))) delete require.cache[path]
}
