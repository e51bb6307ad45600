// `handoff can-resume`, for supervisors: checks whether this release can resume a run.

import { text } from 'node:stream/consumers'
import { loadNative } from '../../io/native/addon.ts'
import { release } from '../../supervisor/program/release.ts'
import { parseSnapshot } from '../../supervisor/registry/snapshot.ts'

/** Reads a snapshot from stdin. Prints the release, or throws. */
export async function canResume(): Promise<number> {
  loadNative()
  parseSnapshot(await text(process.stdin))
  process.stdout.write(`${release}\n`)
  return 0
}
