// docs/benchmarks.md, its tables and its charts are made from the results beside them.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { documents } from '../../../bench/report/documents.ts'

test('charts and tables are those of `npm run bench:charts`', () => {
  const files = Object.entries(documents())
  expect(files.length).toBeGreaterThan(1)
  for (const [path, text] of files) expect(readFileSync(path, 'utf8'), path).toBe(text)
})
