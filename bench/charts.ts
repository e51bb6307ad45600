// `npm run bench:charts -- FILE…`: takes results into docs/benchmarks, and draws its charts and tables again.

import { writeFileSync } from 'node:fs'
import { documents, keep } from './report/documents.ts'
import { readResults } from './report/results.ts'

try {
  for (const file of process.argv.slice(2)) keep(readResults(file))
  for (const [path, text] of Object.entries(documents())) {
    writeFileSync(path, text)
    console.log(path)
  }
} catch (error) {
  console.error(`bench:charts: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}
