// Small programs, each run under plain Node.js and under the preload: whatever can be seen of them is
// the same. Put a program of yours into test/fixtures/presence; its name says what it is about.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DatagramListener } from '../../../packages/handoff/src/io/channel/datagram.ts'
import { closeAll } from '../../../packages/handoff/src/io/channel/wire.ts'
import { withoutExceptions } from '../../support/presence/exceptions.ts'
import { type Outcome, runProgram } from '../../support/presence/run-program.ts'

const directory = fileURLToPath(new URL('../../fixtures/presence/', import.meta.url))
const programs = readdirSync(directory).filter((name) => /\.[cm]js$/.test(name))

// In the place of a supervisor, which reads whatever is reported.
const place = mkdtempSync(join(tmpdir(), 'handoff-presence-'))
const notifySocket = join(place, 'notify.sock')
let supervisor: DatagramListener

beforeAll(() => {
  supervisor = DatagramListener.bind(notifySocket, 0o600, ({ fds }) => closeAll(fds), console.error)
})

afterAll(() => {
  supervisor.close()
  rmSync(place, { recursive: true, force: true })
})

const plain = new Map<string, Promise<Outcome>>()

/** Runs it once, for both comparisons. */
function underPlainNode(program: string): Promise<Outcome> {
  let outcome = plain.get(program)
  if (outcome === undefined) {
    outcome = runProgram(join(directory, program), 'plain', notifySocket)
    plain.set(program, outcome)
  }
  return outcome
}

function withoutTheirs(program: string, { end, stdout, stderr }: Outcome): Outcome {
  const without = (output: string) => withoutExceptions(program, output)
  return { end, stdout: without(stdout), stderr: without(stderr) }
}

describe.concurrent.each(['preload', 'supervised'] as const)('%s', (mode) => {
  test.each(programs)('%s', async (program) => {
    const expected = await underPlainNode(program)
    const outcome = await runProgram(join(directory, program), mode, notifySocket)
    expect(withoutTheirs(program, outcome)).toEqual(withoutTheirs(program, expected))
  })
})
