import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// Unit and stage tests read the sources; end-to-end tests run what was built.
const alias = {
  'socket-handoff/channel': source('packages/handoff/src/channel.ts'),
  'socket-handoff': source('packages/handoff/src/index.ts'),
  'fastify-socket-handoff': source('packages/fastify-plugin/src/index.ts'),
}

// CI counts the results from the reports; see scripts/test.mjs.
const report = process.env.HANDOFF_TEST_REPORT
const reporters = report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]]

const cores = availableParallelism()

export default defineConfig({
  test: {
    reporters: reporters as ['default'],
    coverage: {
      provider: 'v8',
      // Not first.cts: it is the preload for Node.js itself, and the reporter cannot parse its types.
      include: ['packages/*/src/**/*.ts'],
      reporter: ['text', 'html', 'json-summary'],
      // What is not reached there, and why, is in docs/testing.md.
      thresholds: {
        'packages/handoff/src/{protocol,talk,tls}/**': { branches: 100 },
        // At most so many branches are not reached.
        'packages/handoff/src/{old,new}/**': { branches: -16 },
      },
    },
    projects: [
      {
        resolve: { alias },
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          testTimeout: 20_000,
          maxWorkers: cores,
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'stage',
          include: ['test/stage/**/*.test.ts'],
          testTimeout: 20_000,
          maxWorkers: cores,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          // One file at a time, unless `--fileParallelism` is given; scripts/test.mjs says where it may be.
          fileParallelism: false,
          // These tests wait for processes much of the time.
          maxWorkers: cores + 1,
        },
      },
    ],
  },
})
