// Runs all checks.

import { checkDependencies, checkEntry, checkLibrary, checkScripts } from './entry-checks.ts'
import type { Facts } from './facts.ts'
import type { Finding } from './finding.ts'
import {
  checkAddon,
  checkDatagramQueue,
  checkNode,
  checkOpenFiles,
  checkPlatform,
  checkTlsConnections,
} from './machine-checks.ts'
import { checkRunDirectory, checkSameDirectory } from './place-checks.ts'
import { checkCluster, checkInspector, checkPm2 } from './surroundings-checks.ts'
import { checkUnit } from './unit-checks.ts'

/** Makes findings of the facts. */
export function diagnose(facts: Facts): Finding[] {
  const { entry } = facts
  return [
    checkPlatform(facts),
    checkNode(facts),
    checkAddon(facts),
    ...checkTlsConnections(facts),
    ...checkOpenFiles(facts),
    ...checkDatagramQueue(facts),
    checkRunDirectory(facts),
    ...checkSameDirectory(facts),
    ...checkCluster(facts),
    ...checkPm2(facts),
    ...checkInspector(facts),
    ...checkUnit(facts),
    ...(entry === undefined
      ? []
      : [
          checkEntry(entry),
          ...checkLibrary(entry),
          ...checkDependencies(entry),
          ...checkScripts(entry),
        ]),
  ]
}
