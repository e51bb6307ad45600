// The release that this is: the version of the package.

import { readFileSync } from 'node:fs'
import { packageFolder } from '../../io/native/package-folder.ts'

const manifest = readFileSync(new URL('package.json', packageFolder), 'utf8')

export const release: string = (JSON.parse(manifest) as { version: string }).version

/** The command by which a release tells whether it can resume a snapshot, which it gets on stdin. */
export const checkCommand = 'can-resume'
