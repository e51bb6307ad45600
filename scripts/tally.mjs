// Prints `N passed, N failed, N skipped` from a folder of vitest's JSON reports; exits 1 without a report.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = process.argv[2]
const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
const counts = files.map((name) => count(readFileSync(join(folder, name), 'utf8')))
// Without a report the tests did not even start: what went wrong stands above.
if (counts.length === 0) counts.push({ passed: 0, failed: 1, skipped: 0 })

const sum = (key) => counts.reduce((total, of) => total + of[key], 0)
const [passed, failed, skipped] = ['passed', 'failed', 'skipped'].map(sum)
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1

/** An empty report is that of a run which did not end. */
function count(text) {
  if (text === '') return { passed: 0, failed: 1, skipped: 0 }
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } =
    JSON.parse(text)
  // A file that could not even be loaded has no tests that could fail.
  const brokenFiles = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  ).length
  return {
    passed: numPassedTests,
    failed: numFailedTests + brokenFiles,
    skipped: numPendingTests + numTodoTests,
  }
}
