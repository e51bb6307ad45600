// Prints `N passed, N failed, N skipped` from vitest's JSON report; exits 1 without a report.

import { readFileSync } from 'node:fs'

const text = readFileSync(process.argv[2], 'utf8')
// The tests did not even start: what went wrong stands above.
if (text === '') {
  console.log('0 passed, 1 failed')
  process.exit(1)
}
const report = JSON.parse(text)
const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = report
// A file that could not even be loaded has no tests that could fail.
const brokenFiles = report.testResults.filter(
  ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
).length
const failed = numFailedTests + brokenFiles
console.log(`${numPassedTests} passed, ${failed} failed, ${numPendingTests + numTodoTests} skipped`)
process.exitCode = failed === 0 && numPassedTests > 0 ? 0 : 1
