// Other releases of the package, and the command `handoff upgrade` of one of them.

import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { scratchDirectory } from './scratch.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const here = join(root, 'packages/handoff')
const require = createRequire(join(here, 'package.json'))

export interface OtherRelease {
  /** The script of its command. */
  readonly command: string
  /** Its package. */
  readonly path: string
}

/** Another release of the package in a folder of its own: the same code, with another version. */
export function makeRelease(version: string): OtherRelease {
  const modules = join(scratchDirectory(), 'node_modules')
  const path = join(modules, 'socket-handoff')
  mkdirSync(path, { recursive: true })
  cpSync(join(here, 'dist'), join(path, 'dist'), { recursive: true })
  const manifest = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'))
  writeFileSync(join(path, 'package.json'), JSON.stringify({ ...manifest, version }))
  symlinkSync(join(root, 'build'), join(path, 'build'))
  for (const name of Object.keys(manifest.dependencies ?? {})) {
    symlinkSync(folderOf(name), join(modules, name))
  }
  return { command: join(path, 'dist/cli/main.js'), path }
}

function folderOf(name: string): string {
  const entry = require.resolve(name)
  return entry.slice(0, entry.lastIndexOf(`node_modules/${name}`) + `node_modules/${name}`.length)
}

/** Where a run is: its name, and its HANDOFF_DIR. */
export interface RunPlace {
  readonly name: string
  readonly directory: string
}

/** `handoff upgrade`, called from a release. */
export function upgradeBy(
  command: string,
  { name, directory }: RunPlace,
  ...flags: string[]
): Promise<{ exitCode: number; output: string }> {
  const env = { ...process.env, NO_COLOR: '1', HANDOFF_DIR: directory }
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [command, 'upgrade', name, ...flags],
      { env },
      (error, stdout, stderr) => {
        resolve({ exitCode: Number(error?.code ?? 0), output: stdout + stderr })
      },
    )
  })
}
