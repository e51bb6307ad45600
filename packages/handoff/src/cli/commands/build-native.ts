// `handoff build-native`: builds the native core where no prebuilt one fits.

import { join } from 'node:path'
import { loadNative } from '../../io/native/addon.ts'
import { isClone, ownBuild, packageRoot } from '../../io/native/addon-file.ts'
import { HandoffError } from '../../terms/errors.ts'
import { buildAddon } from '../native/build.ts'
import { findNodeGyp, headerFlags, missingTools } from '../native/node-gyp.ts'

/**
 * Builds the native core into this package, and loads it.
 *
 * @returns the exit code.
 * @throws {@link HandoffError} `ERR_HANDOFF_BUILD_FAILED`, or `ERR_HANDOFF_ADDON_NOT_FOUND` if the result does
 * not load.
 */
export function buildNative(): number {
  const root = packageRoot()
  if (isClone(root)) throw cannotBuild(`${root} is a clone`, 'Run `npm run setup` there.')
  const sources = join(root, 'addon')
  const missing = missingTools()
  if (missing.length > 0) throw cannotBuild(`${missing.join(' and ')} not found`, toolsHelp)
  const nodeGyp = findNodeGyp([process.cwd(), root])
  if (nodeGyp === undefined) throw cannotBuild('node-gyp not found', nodeGypHelp)
  const output = ownBuild(root)
  process.stderr.write('handoff: building the native core\n')
  try {
    buildAddon({ sources, output, nodeGyp, flags: headerFlags() })
  } catch (error) {
    const { cause } = error as HandoffError
    if (cause instanceof Error && !('syscall' in cause)) process.stderr.write(`${cause.message}\n`)
    throw error
  }
  loadNative()
  process.stdout.write(`${output}\n`)
  return 0
}

const toolsHelp =
  'Install a C++ compiler, make and Python 3, for example: apt-get install build-essential python3; apk add build-base python3; xcode-select --install.'

const nodeGypHelp = 'npm brings it along; without npm, install it: `pnpm add -D node-gyp`.'

function cannotBuild(reason: string, help: string): HandoffError {
  return new HandoffError('ERR_HANDOFF_BUILD_FAILED', `cannot build the native core: ${reason}`, {
    help,
  })
}
