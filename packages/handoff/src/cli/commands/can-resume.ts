// `handoff can-resume`, for supervisors: whether this release can go on with a run of another one.

import { text } from 'node:stream/consumers'
import { loadNative } from '../../io/native/addon.ts'
import { release } from '../../supervisor/program/release.ts'
import { parseSnapshot } from '../../supervisor/registry/snapshot.ts'

/** Reads a snapshot from stdin and prints the release, or fails. */
export async function canResume(): Promise<number> {
  loadNative()
  parseSnapshot(await text(process.stdin))
  process.stdout.write(`${release}\n`)
  return 0
}
