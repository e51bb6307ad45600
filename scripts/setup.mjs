// Makes a fresh clone ready: dependencies, native core, TypeScript. Does only what is still to do.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const packages = ['packages/handoff', 'packages/fastify-plugin']
const addon = join(root, 'build/Release/socket_handoff.node')

/** @throws an Error whose message is one sentence for the reader. */
export function setup() {
  checkNode()
  checkPlatform()
  if (isOlder(join(root, 'node_modules/.package-lock.json'), [join(root, 'package-lock.json')])) {
    step('installing dependencies', 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
  }
  if (isOlder(addon, [join(root, 'binding.gyp'), ...files(join(root, 'native'))])) {
    checkCompiler()
    step('building the native core', node('node-gyp/bin/node-gyp.js'), ['rebuild', ...headers()])
  }
  step('building TypeScript', join(root, 'scripts/build.mjs'), packages)
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  throw new Error(`socket-handoff needs Node.js 20.19 or newer; this is ${process.versions.node}.`)
}

function checkPlatform() {
  if (process.platform === 'linux' || process.platform === 'darwin') return
  throw new Error(
    `socket-handoff runs on Linux and macOS; ${process.platform} has no way to pass sockets between Node.js processes like theirs.`,
  )
}

function checkCompiler() {
  const compilers = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++']
  const missing = []
  if (!compilers.some(works)) missing.push('a C++ compiler')
  if (!works('make')) missing.push('make')
  if (!['python3', 'python'].some(works)) missing.push('Python 3')
  if (missing.length === 0) return
  const how =
    process.platform === 'darwin'
      ? 'xcode-select --install'
      : 'for example: apt-get install build-essential python3'
  throw new Error(`The native core needs ${missing.join(' and ')} to be built (${how}).`)
}

/** The headers of this very Node, where they are installed with it: nothing has to be fetched then. */
function headers() {
  const prefix = dirname(dirname(realpathSync(process.execPath)))
  const own = join(prefix, 'include/node/node_version.h')
  const isConfigured = process.env.npm_config_nodedir !== undefined
  return !isConfigured && existsSync(own) ? [`--nodedir=${prefix}`] : []
}

function works(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0
}

function node(script) {
  return join(root, 'node_modules', script)
}

/** Runs one step quietly; what it printed is shown when it fails. */
function step(what, command, args) {
  process.stderr.write(`${what} …\n`)
  const isScript = command.includes('/')
  const { status, stdout, stderr, error } = spawnSync(
    isScript ? process.execPath : command,
    isScript ? [command, ...args] : args,
    { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  )
  if (status === 0) return
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`)
  throw new Error(
    `Setting up failed while ${what}${error ? ` (${error.message})` : ''}; see above.`,
  )
}

function isOlder(target, sources) {
  if (!existsSync(target)) return true
  const { mtimeMs } = statSync(target)
  return sources.some((source) => statSync(source).mtimeMs > mtimeMs)
}

function files(directory) {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(directory, entry.name))
}

/** Sets up, or says in one sentence why not, and exits with 1. */
export function setupOrExit() {
  try {
    setup()
  } catch (error) {
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) setupOrExit()
