// The file that tells a fixture how to fail at its next start.

import { randomUUID } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** See test/fixtures/failure.mjs for the ways and the points. */
export class FailureFile {
  readonly path = join(tmpdir(), `handoff-failure-${randomUUID()}`)
  /** For {@link startRun}. */
  readonly env = { FAILURE_FILE: this.path }

  constructor() {
    onTestFinished(() => this.none())
  }

  /** The next start of the fixture fails in this way at this point. */
  next(way: string, point: string, argument: string | number = ''): void {
    writeFileSync(this.path, `${way} ${point} ${argument}`)
  }

  /** The next start works. */
  none(): void {
    rmSync(this.path, { force: true })
  }
}
