// `npm run build:ts`: checks all types, then bundles each package into its `dist`.
// Arguments are the projects that `tsc -b` checks; without any, the whole repository.
//
//   dist/*.js        the exports of package.json; dist/preload what is preloaded; dist/cli/main.js the command:
//                    doors, which load bundles
//   dist/bundles     what a server loads, and in dist/bundles/cli what the command does; code that several
//                    bundles share is a bundle, too
//   dist/types       the declarations, as tsc writes them

import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compileFunction } from 'node:vm'
import { build } from 'esbuild'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** What a server may load. The path of an entry below `src` is its path below `dist/bundles`. */
const server = {
  chunks: 'shared-[hash]',
  /** Each is a file of `dist` that is imported, required or preloaded. */
  doors: [
    'index',
    'channel',
    'register',
    'preload/report-exception',
    'preload/last',
    'preload/standby/await-word',
  ],
  /** Bundles that doors and other bundles load when they need them. */
  inner: [
    'preload/main-thread',
    'preload/worker-thread',
    'preload/standby/standby',
    'preload/program-notify-socket',
    'process/create',
  ],
  /**
   * Functions that load their bundle when they are called. One that is `held` is read with the bundle that
   * imports it: a server that listens waits for no disk, and an upgrade of the package changes nothing for it.
   */
  deferred: [
    { from: 'register', to: 'preload/main-thread', functions: ['preloadMainThread'] },
    { from: 'register', to: 'preload/worker-thread', functions: ['preloadWorkerThread'] },
    {
      from: 'preload/main-thread',
      to: 'process/create',
      functions: ['startHandoffNow'],
      held: true,
    },
    {
      from: 'preload/main-thread',
      to: 'preload/program-notify-socket',
      functions: ['receiveNotifications'],
      held: true,
    },
  ],
}

/** The command. It shares no process with a server, and no bundle. */
const command = {
  doors: ['cli/main'],
  inner: [],
  deferred: [],
  chunks: 'cli/[name]-[hash]',
  /** Packages in the bundles: to find the files of commander would cost `handoff status` 5 ms. */
  included: ['commander'],
}

/** Node 20.19 is the oldest that is supported. */
const target = 'node20.19'

/** Readable: an uncaught error prints a line of it, and its names are those of stack traces. */
const common = {
  bundle: true,
  platform: 'node',
  target,
  charset: 'ascii',
  write: false,
  logLevel: 'warning',
}

function checkTypes(projects) {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const command = [tsc, '-b', ...projects]
  return spawnSync(process.execPath, command, { cwd: root, stdio: 'inherit' }).status === 0
}

const handoff = join(root, 'packages/handoff')
const source = (name) => join(handoff, 'src', `${name}.ts`)

/** Puts functions that load their bundle in the place of imports that are deferred. */
const defer = (edges) => ({
  name: 'defer',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\./ }, ({ path, importer, resolveDir }) => {
      const imported = join(resolveDir, path)
      const deferred = edges.find(
        ({ from, to }) => importer === source(from) && imported === source(to),
      )
      return deferred && { path: deferred.to, namespace: 'deferred', pluginData: deferred }
    })
    onLoad({ filter: /./, namespace: 'deferred' }, ({ pluginData: { to, functions, held } }) => {
      const lines = functions.map(
        (name) => `export const ${name} = (...args) => load('${to}.cjs').${name}(...args)`,
      )
      return { contents: [...(held ? [`hold('${to}')`] : []), ...lines].join('\n') }
    })
  },
})

/** Bundles and their doors, for the loader of `preload/bundles/loader.ts`. */
async function bundle({ doors, inner, deferred, chunks, included = [] }) {
  const bundles = join(handoff, 'dist/bundles')
  const { outputFiles, metafile } = await build({
    ...common,
    format: 'esm',
    splitting: true,
    metafile: true,
    plugins: [defer(deferred)],
    external: packagesBut(included),
    entryPoints: [...doors, ...inner].map(source),
    outbase: join(handoff, 'src'),
    outdir: bundles,
    chunkNames: chunks,
    outExtension: { '.js': '.cjs' },
    define: { 'import.meta.url': 'bundleUrl' },
  })
  for (const { from, to } of deferred) {
    const isDeferred = metafile.inputs[relative(root, source(from))]?.imports.some(
      ({ path }) => path === `deferred:${to}`,
    )
    if (!isDeferred) throw new Error(`cannot defer: ${from} does not import ${to}`)
  }
  const functions = outputFiles.map(({ path, text }) => {
    const own = needs(metafile, path)
    const code = text.replace(/\bhold\("(.*)"\)/g, (_, name) => {
      const names = [...needs(metafile, join(bundles, `${name}.cjs`))]
      return `hold(${names.filter((one) => !own.has(one)).map((one) => `"${relative(bundles, one)}"`)})`
    })
    return [path, asFunction(code)]
  })
  const files = doors.map(async (name) => {
    const output = relative(root, join(bundles, `${name}.cjs`))
    return [join(handoff, 'dist', `${name}.js`), await door(name, metafile.outputs[output].exports)]
  })
  // What their licenses ask for.
  const notices = included.map((name) => {
    const text = readFileSync(join(root, 'node_modules', name, 'LICENSE'), 'utf8')
    return [join(bundles, `LICENSE.${name}`), text]
  })
  return [...functions, ...(await Promise.all(files)), ...notices]
}

/** What a bundle does not have in it: all packages that the package depends on, but these. */
function packagesBut(included) {
  const { dependencies, devDependencies } = JSON.parse(
    readFileSync(join(handoff, 'package.json'), 'utf8'),
  )
  return Object.keys({ ...dependencies, ...devDependencies }).filter(
    (name) => !included.includes(name),
  )
}

/** Returns the paths of a bundle and of all that are loaded before it. */
function needs({ outputs }, path, found = new Set()) {
  if (found.has(path)) return found
  found.add(path)
  for (const { path: other, external } of outputs[relative(root, path)].imports) {
    if (!external) needs({ outputs }, join(root, other), found)
  }
  return found
}

/**
 * Makes the body of a function of what esbuild writes: it splits ES modules only. Its imports and exports
 * are statements at the beginning of a line, and none of our exports changes its value.
 */
function asFunction(text) {
  // As a module is.
  const code = `'use strict';\n${text}`
    .replace(
      /^import (?:(\w+),? )?(?:\{([^}]*)\} )?(?:from )?(".*");$/gm,
      (_, whole, names, path) =>
        [
          ...(whole ? [`const ${whole} = require(${path});`] : []),
          ...(names ? [`const {${names.replaceAll(' as ', ': ')}} = require(${path});`] : []),
          ...(whole || names ? [] : [`require(${path});`]),
        ].join('\n'),
    )
    .replace(/\bimport\(("\.[^"]+")\)/g, 'new Promise((resolve) => resolve(require($1)))')
    .replace(/\bimport\(("[^"]+")\)/g, 'importPackage($1)')
    .replace(/^export \{([^}]*)\};$/m, (_, names) => {
      const pairs = names.replaceAll(/(\w+) as (\w+)/g, '$2: $1')
      return `module.exports = {${pairs}};`
    })
  const rest = /^(import|export)\b.*/m.exec(code)
  if (rest !== null) throw new Error(`cannot bundle: ${rest[0]}`)
  // Throws a SyntaxError if this is no body of a function.
  compileFunction(code)
  return code
}

/** An ES module that has the exports of a bundle. Node.js requires it as well. */
async function door(name, names) {
  const bundles = `${'../'.repeat(name.split('/').length - 1) || './'}bundles`
  const call = `createLoader(new URL('${bundles}', import.meta.url).href).load('${name}.cjs')`
  const { outputFiles } = await build({
    ...common,
    format: 'esm',
    stdin: {
      contents: `import { createLoader } from './bundles/loader.ts'
        ${names.length === 0 ? call : `export const { ${names.join(', ')} } = ${call}`}`,
      resolveDir: join(handoff, 'src/preload'),
    },
  })
  return outputFiles[0].text
}

/** @returns the text of each file by its path. */
async function compile(directory, entry, options) {
  const { outputFiles } = await build({
    ...common,
    entryPoints: [join(root, directory, 'src', entry)],
    outbase: join(root, directory, 'src'),
    outdir: join(root, directory, 'dist'),
    packages: 'external',
    ...options,
  })
  return outputFiles.map(({ path, text }) => [path, text])
}

/** Writes what has changed, each file at once, and removes what is none of it. */
function write(dist, files) {
  for (const [path, text] of files) {
    if (contentOf(path) === text) continue
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(`${path}.new`, text)
    renameSync(`${path}.new`, path)
  }
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const isType = relative(dist, path).split('/')[0] === 'types'
    if (!entry.isDirectory() && !isType && !files.has(path)) rmSync(path)
  }
  removeEmptyFolders(dist)
}

function contentOf(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** @returns whether the folder itself was empty, and is removed. */
function removeEmptyFolders(folder) {
  const entries = readdirSync(folder, { withFileTypes: true })
  const kept = entries.filter(
    (entry) => !entry.isDirectory() || !removeEmptyFolders(join(folder, entry.name)),
  )
  if (kept.length === 0) rmSync(folder, { recursive: true })
  return kept.length === 0
}

if (!checkTypes(process.argv.slice(2))) process.exit(1)
const commonjs = { format: 'cjs', outExtension: { '.js': '.cjs' } }
const files = await Promise.all([
  bundle(server),
  bundle(command),
  compile('packages/handoff', 'preload/first.cts', commonjs),
  compile('packages/handoff', 'preload/write-code-cache.cts', commonjs),
])
write(join(handoff, 'dist'), new Map(files.flat()))
const plugin = await compile('packages/fastify-plugin', 'index.ts', { format: 'esm' })
write(join(root, 'packages/fastify-plugin/dist'), new Map(plugin))
