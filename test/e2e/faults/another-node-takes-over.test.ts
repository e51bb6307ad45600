import { realpathSync } from 'node:fs'
import { expect, test } from 'vitest'
import { everything, Load } from '../../support/load/load.ts'
import { nodeOfLine } from '../../support/node-lines.ts'
import { executableOf, hasProc } from '../../support/process-facts.ts'
import { startRun } from '../../support/run.ts'

/** In the order in which a fleet upgrades, and back to where it began. */
const lines = ['20', '24', '26', '22', '20']
const nodes = lines.map((line) => [line, nodeOfLine(line)] as const)
const missing = nodes.filter(([, node]) => node === undefined).map(([line]) => line)
const why = missing.length === 0 ? '' : `: needs node scripts/node-lines.mjs ${missing.join(' ')}`

test.skipIf(missing.length > 0 || !hasProc)(
  `Node ${lines.join(' → ')} under load drops no request (Linux${why})`,
  { timeout: 120_000 },
  async () => {
    const run = await startRun('http-server.mjs')
    const load = new Load(run.target, everything)

    for (const [line, node = ''] of nodes) {
      const from = run.output.lines.length
      const { exitCode, text } = await run.reload('--node', node)
      expect(exitCode, text).toBe(0)
      const pid = await run.listening(from)
      expect(executableOf(pid), `Node ${line}`).toBe(realpathSync(node))
    }
    // In force for every start that follows.
    const from = run.output.lines.length
    await run.reloadWell()
    const last = await run.listening(from)
    expect(executableOf(last)).toBe(realpathSync(nodes.at(-1)?.[1] ?? ''))

    const tally = await load.stop()
    expect(tally.failed, `${tally}`).toBe(0)
    expect(tally.pids.size).toBe(lines.length + 2)
    await run.stop()
  },
)
