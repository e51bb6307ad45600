// A real systemd, as the user manager of a PID namespace of its own: units are run by what they are for.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { gone } from './process-facts.ts'
import { until } from './until.ts'

const manager = '/lib/systemd/systemd'

/** Of the manager, in its mount namespace. */
const runtime = '/run/manager'

/** A manager of a user starts only where the system runs systemd, or seems to: sd_booted(3). */
const script = `
  mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && mkdir -m 700 ${runtime} || exit 1
  ${manager} --user --log-target=null --unit=basic.target &
  wait
`

/** Whether one can be started here: as root, with namespaces, and cgroups that can be written. */
export async function canRunSystemd(): Promise<boolean> {
  try {
    const systemd = await UserSystemd.start({})
    await systemd.stop()
    return true
  } catch {
    return false
  }
}

export class UserSystemd {
  readonly #unshare
  readonly #pid: number
  readonly #config: string

  private constructor(unshare: ReturnType<typeof spawn>, pid: number, config: string) {
    this.#unshare = unshare
    this.#pid = pid
    this.#config = config
  }

  /** Starts it with these units, by name. */
  static async start(units: Record<string, string>): Promise<UserSystemd> {
    const config = mkdtempSync(join(tmpdir(), 'handoff-systemd-'))
    const directory = join(config, 'systemd/user')
    mkdirSync(directory, { recursive: true })
    for (const [name, text] of Object.entries(units)) writeFileSync(join(directory, name), text)
    const unshare = spawn(
      'unshare',
      ['--fork', '--pid', '--kill-child', '--mount', '--mount-proc', 'sh', '-c', script],
      {
        env: { ...process.env, XDG_RUNTIME_DIR: runtime, XDG_CONFIG_HOME: config },
        stdio: 'ignore',
      },
    )
    const ended = once(unshare, 'exit').then(() => {
      throw new Error('systemd does not start here')
    })
    ended.catch(() => {})
    const child = until('the namespace is there', () => childOf(unshare.pid))
    const pid = await Promise.race([ended, child]).catch((error) => {
      unshare.kill('SIGKILL')
      rmSync(config, { recursive: true })
      throw error
    })
    const systemd = new UserSystemd(unshare, pid, config)
    const running = () => systemd.#try('is-system-running') !== undefined
    await Promise.race([ended, until('systemd runs', running)]).catch(async (error) => {
      await systemd.stop()
      throw error
    })
    return systemd
  }

  /** Runs `systemctl ARGS…` and gives what it prints. */
  control(...args: string[]): string {
    return this.#inside('systemctl', '--user', ...args)
  }

  /** Whether there is a process, by its pid in the namespace. */
  has(pid: number): boolean {
    return this.#inside('ls', '/proc').split('\n').includes(String(pid))
  }

  /** A property of a unit. */
  property(unit: string, name: string): string {
    return this.control('show', unit, '--property', name, '--value')
  }

  /** Ends it and all that it runs. */
  async stop(): Promise<void> {
    const { pid = 0 } = this.#unshare
    this.#unshare.kill('SIGKILL')
    await gone(pid)
    await gone(this.#pid)
    removeGroups()
    rmSync(this.#config, { recursive: true })
  }

  /** Stops it with the test. */
  untilTheEnd(): this {
    onTestFinished(() => this.stop())
    return this
  }

  #inside(...command: string[]): string {
    return execFileSync('nsenter', [`--target=${this.#pid}`, '--mount', '--pid', ...command], {
      env: { ...process.env, XDG_RUNTIME_DIR: runtime },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim()
  }

  #try(...args: string[]): string | undefined {
    try {
      return this.control(...args)
    } catch {
      return undefined
    }
  }
}

function childOf(pid: number | undefined): number | undefined {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  const [child] = children.split(' ').filter((text) => text !== '')
  return child === undefined ? undefined : Number(child)
}

/** The manager makes them below the group that systemd's own hierarchy has us in, in each hierarchy. */
function removeGroups(): void {
  const lines = readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n')
  const [, path = '/'] =
    lines.map((line) => /:(?:name=systemd)?:(.*)/.exec(line)).find(Boolean) ?? []
  const all = '/sys/fs/cgroup'
  const hierarchies = readdirSync(all, { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  )
  for (const root of [all, ...hierarchies.map(({ name }) => join(all, name))]) {
    for (const name of ['app.slice', 'init.scope']) removeTree(join(root, path, name))
  }
}

/** Of groups, directories alone can be removed, from the innermost; one in use stays. */
function removeTree(path: string): void {
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) removeTree(join(path, entry.name))
    }
    rmdirSync(path)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (!['ENOENT', 'EBUSY', 'EACCES', 'EROFS'].includes(code)) throw error
  }
}
