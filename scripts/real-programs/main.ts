// Runs programs of other people under `handoff run`: five reloads each, under clients that never retry.
//   npm run real-programs [NAME…]
// Installs what they need in HANDOFF_REAL_PROGRAMS, or in the temporary directory.

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cli, spawnCli } from '../../test/support/cli.ts'
import { freePort } from '../../test/support/free-port.ts'
import { Tally } from '../../test/support/load/tally.ts'
import { Output } from '../../test/support/output.ts'
import { until } from '../../test/support/until.ts'
import { type Program, programs } from './programs.ts'

const RELOADS = 5
const here = import.meta.dirname
const modules = process.env.HANDOFF_REAL_PROGRAMS ?? join(tmpdir(), 'socket-handoff-real-programs')

install()
const named = process.argv.slice(2)
const chosen = programs.filter(({ name }) => named.length === 0 || named.includes(name))
let failed = 0
for (const program of chosen) failed += (await passes(program)) ? 0 : 1
console.log(`${chosen.length - failed} passed, ${failed} failed`)
process.exit(failed === 0 && chosen.length > 0 ? 0 : 1)

/** Once for each version of the list. */
function install(): void {
  const list = readFileSync(join(here, 'package.json'))
  const installed = join(modules, 'package.json')
  if (existsSync(installed) && readFileSync(installed).equals(list)) return
  mkdirSync(modules, { recursive: true })
  cpSync(join(here, 'package.json'), installed)
  const flags = ['--no-audit', '--no-fund', '--loglevel=error']
  const { status } = spawnSync('npm', ['install', ...flags], { cwd: modules, stdio: 'inherit' })
  if (status === 0) return
  rmSync(installed)
  throw new Error(`npm could not install what the programs need in ${modules}`)
}

async function passes(program: Program): Promise<boolean> {
  const { name } = program
  // Below what is installed, as a workspace: each program finds its packages there.
  const folder = join(modules, 'programs', name)
  const runs = mkdtempSync(join(tmpdir(), 'handoff-real-'))
  try {
    cpSync(join(here, 'programs', name), folder, { recursive: true })
    program.build?.(folder, modules)
    const tally = await reloadUnderLoad(program, folder, runs)
    const replaced = tally.pids.size
    const text = `${name}: ${RELOADS} reloads${replaced > 0 ? `, ${replaced} processes answered` : ''}`
    console.log(`${text}: ${tally}`)
    return tally.failed === 0 && tally.requests > 0
  } catch (error) {
    console.log(`${name}: ${error instanceof Error ? error.message : error}`)
    return false
  } finally {
    rmSync(folder, { recursive: true, force: true })
    rmSync(runs, { recursive: true, force: true })
  }
}

async function reloadUnderLoad(program: Program, folder: string, runs: string): Promise<Tally> {
  const port = await freePort()
  const env = {
    HANDOFF_DIR: runs,
    PORT: String(port),
    HEALTH_PORT: String(await freePort()),
    NEXT_TELEMETRY_DISABLED: '1',
  }
  const command = ['run', '--name', program.name, ...program.command(port, modules)]
  const run = spawnCli(command, { env, cwd: folder })
  const output = new Output()
  if (run.stdout) output.collect(run.stdout)
  if (run.stderr) output.collect(run.stderr, '! ')
  const ended = once(run, 'close').then(() => output.end())
  try {
    await output.waitFor(program.serves, { deadlineMs: 60_000 })
    const tally = new Tally()
    let stopped = false
    const clients = program.clients(modules)(port, tally, () => stopped)
    await more(tally)
    for (let count = 0; count < RELOADS; count++) {
      const { exitCode, stdout, stderr } = await cli(['reload', program.name], env)
      if (exitCode !== 0) throw new Error(`a reload failed:\n${stdout}\n${stderr}\n${output}`)
      await more(tally)
    }
    stopped = true
    await clients
    return tally
  } finally {
    await cli(['stop', program.name], env)
    await ended
  }
}

/** The load goes on: enough for calls that began before a reload to have ended after it. */
async function more(tally: Tally): Promise<void> {
  const enough = tally.requests + 200
  await until('200 more requests', () => tally.requests >= enough, 60_000)
}
