// The release of this package.

import { readFileSync } from 'node:fs'
import { packageFolder } from '../../io/native/package-folder.ts'

const manifest = readFileSync(new URL('package.json', packageFolder), 'utf8')

export const release: string = (JSON.parse(manifest) as { version: string }).version

/** The command that checks whether a release can resume the snapshot on its stdin. */
export const checkCommand = 'can-resume'
