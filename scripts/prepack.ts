// Makes a package ready for npm pack, or fails: run as `prepack` by npm, in the directory of the package.
//
//   node --import tsx ../../scripts/prepack.ts                  # needs the prebuilt addon of this machine
//   node --import tsx ../../scripts/prepack.ts --every-target   # before npm publish: that of every platform

import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { copyAddonSources, packagePath } from './addon-sources.ts'
import { host, problemOf, targets } from './prebuilds.ts'

const directory = process.cwd()
const problems: string[] = []

if (!existsSync(join(directory, 'dist/index.js'))) {
  problems.push('dist is not built. Run npm run build in the root of the repository.')
}
if (relative(packagePath, directory) === '') {
  copyAddonSources()
  const needed = process.argv.includes('--every-target') ? targets : [host()]
  const missing = needed.flatMap((target) => problemOf(target) ?? [])
  if (missing.length > 0) {
    const advice = 'Run npm run build:prebuild in the root of the repository, on each platform.'
    problems.push(`${missing.join('; ')}. ${advice}`)
  }
}
for (const problem of problems) console.error(`cannot pack ${directory}: ${problem}`)
process.exitCode = problems.length === 0 ? 0 : 1
