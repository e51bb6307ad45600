// The packages as npm publishes them, and projects that install them from a registry of this machine.

import { execFile, execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { type Ended, Run } from './cli-project.ts'
import { alive, gone, startedWith } from './process-facts.ts'
import { Registry } from './registry.ts'
import { scratchDirectory } from './scratch.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Marks every process of a project. */
const MARK = 'TEST_PROJECT_ID'

/** The environment without what npm adds for the scripts of the repository. */
function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)))
}

/** Packs both packages into a directory; the native core is prebuilt for this machine if need be. */
export function packInto(directory: string): string[] {
  const run = (command: string, args: string[], cwd: string) =>
    execFileSync(command, args, { cwd, env: plainEnvironment(), stdio: 'pipe' })
  run(process.execPath, ['--import', 'tsx', 'scripts/prebuild.ts'], root)
  for (const name of ['handoff', 'fastify-plugin']) {
    run('npm', ['pack', '--pack-destination', directory], join(root, 'packages', name))
  }
  return readdirSync(directory).map((name) => join(directory, name))
}

/** Where a command is, in the PATH of the tests. */
function locate(command: string): string {
  const paths = (process.env.PATH ?? '').split(delimiter).map((path) => join(path, command))
  const found = paths.find((path) => existsSync(path))
  if (found === undefined) throw new Error(`cannot find ${command} in PATH`)
  return realpathSync(found)
}

/** Makes an empty project in a directory of its own, whose PATH has Node.js, npm and sh alone. */
export async function makeInstalledProject(tarballs: readonly string[]): Promise<InstalledProject> {
  const project = new InstalledProject(scratchDirectory(), await Registry.start(tarballs))
  onTestFinished(() => project.stop())
  return project
}

export class InstalledProject {
  readonly path: string
  readonly modules: string
  readonly #env: NodeJS.ProcessEnv
  readonly #mark = randomUUID()

  constructor(directory: string, registry: Registry) {
    this.path = join(directory, 'app')
    this.modules = join(this.path, 'node_modules')
    const [bin, runs] = [join(directory, 'bin'), join(directory, 'runs')]
    mkdirSync(this.path)
    mkdirSync(bin)
    mkdirSync(runs, { mode: 0o700 })
    symlinkSync(process.execPath, join(bin, 'node'))
    for (const command of ['npm', 'npx', 'sh']) symlinkSync(locate(command), join(bin, command))
    this.#env = {
      HOME: directory,
      PATH: bin,
      HANDOFF_DIR: runs,
      NO_COLOR: '1',
      npm_config_registry: registry.url,
      npm_config_update_notifier: 'false',
      [MARK]: this.#mark,
    }
  }

  write(path: string, text: string): void {
    writeFileSync(join(this.path, path), text)
  }

  /** `npm install`, without scripts. */
  async install(...names: string[]): Promise<void> {
    const { exitCode, stdout, stderr } = await this.execute(
      'npm',
      ...['install', '--ignore-scripts', '--no-audit', '--no-fund', ...names],
    )
    if (exitCode !== 0) throw new Error(`npm install failed:\n${stdout}${stderr}`)
  }

  /** `npx handoff …`, to its end. */
  handoff(...args: string[]): Promise<Ended> {
    return this.execute('npx', 'handoff', ...args)
  }

  /** Runs a command in the project, to its end. */
  execute(command: string, ...args: string[]): Promise<Ended> {
    return this.executeWith({}, command, ...args)
  }

  /** The same with some other variables. */
  executeWith(env: NodeJS.ProcessEnv, command: string, ...args: string[]): Promise<Ended> {
    const options = { cwd: this.path, env: { ...this.#env, ...env } }
    return new Promise((resolve) => {
      execFile(join(this.#env.PATH ?? '', command), args, options, (error, stdout, stderr) => {
        resolve({ exitCode: error === null ? 0 : Number(error.code ?? 1), stdout, stderr })
      })
    })
  }

  /** Starts `npx handoff run …`. */
  run(...args: string[]): Run {
    const child = spawn(join(this.#env.PATH ?? '', 'npx'), ['handoff', 'run', ...args], {
      cwd: this.path,
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return new Run(child)
  }

  /** Kills what a failed test has left. */
  async stop(): Promise<void> {
    for (const pid of startedWith(MARK, this.#mark)) {
      if (alive(pid)) process.kill(pid, 'SIGKILL')
      await gone(pid)
    }
  }
}
