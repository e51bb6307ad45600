// `npm run build:ts`: checks all types, then bundles each package into its `dist`.
// Arguments are the projects that `tsc -b` checks; without any, the whole repository.
//
//   dist/*.js, dist/preload   what a server loads: the exports of package.json, and files that are loaded by path
//   dist/shared               code that several of them share; each module is in one file only
//   dist/cli                  the command, which shares no process and no file with a server
//   dist/types                the declarations, as tsc writes them

import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * The bundles of each package. The path of an entry in `src` is its path in `dist`. Entries of one
 * bundle share their modules, so that one process has one instance of each.
 */
const packages = {
  'packages/handoff': [
    {
      entries: [
        'index.ts',
        'channel.ts',
        'register.ts',
        'preload/main-thread.ts',
        'preload/worker-thread.ts',
        'preload/report-exception.ts',
        'preload/last.ts',
      ],
      chunks: 'shared/[name]-[hash]',
    },
    { entries: ['cli/main.ts'], chunks: 'cli/[name]-[hash]' },
    // It requires entries of the first bundle.
    { entries: ['preload/first.cts'], format: 'cjs', external: ['./*.js'] },
  ],
  'packages/fastify-plugin': [{ entries: ['index.ts'] }],
}

/** Node 20.19 is the oldest that is supported. */
const target = 'node20.19'

/** Readable: an uncaught error prints a line of it, and its names are those of stack traces. */
const common = {
  bundle: true,
  platform: 'node',
  packages: 'external',
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

/** @returns the text of each file of the bundle by its path. */
async function bundle(directory, { entries, format = 'esm', chunks, external = [] }) {
  const source = join(root, directory, 'src')
  const { outputFiles } = await build({
    ...common,
    format,
    external,
    splitting: format === 'esm',
    entryPoints: entries.map((entry) => join(source, entry)),
    outbase: source,
    outdir: join(root, directory, 'dist'),
    outExtension: { '.js': format === 'esm' ? '.js' : '.cjs' },
    ...(chunks && { chunkNames: chunks }),
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
for (const [directory, bundles] of Object.entries(packages)) {
  const files = await Promise.all(bundles.map((options) => bundle(directory, options)))
  write(join(root, directory, 'dist'), new Map(files.flat()))
}
