// What other preloads listen on is handed over, and the process is not ready by that alone.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { dependsOnUs } from '../../../packages/handoff/src/preload/program-manifest.ts'
import { PreloadListens } from '../../../packages/handoff/src/preload/readiness/preload-listens.ts'
import {
  beginPreloads,
  endPreloads,
  isPreloading,
} from '../../../packages/handoff/src/preload/readiness/preload-phase.ts'

let underWay = 0
let elapse = () => {}
let listens: PreloadListens

beforeEach(() => {
  underWay = 0
  elapse = () => {}
  const whenReady = { begin: () => void underWay++, end: () => void underWay-- }
  listens = new PreloadListens(whenReady, (_, callback) => {
    elapse = callback
    return { cancel: () => {} }
  })
})

test('a listen of a preload holds readiness back until the program listens, once', () => {
  beginPreloads(true)
  listens.beforeListen()
  listens.beforeListen()
  expect(underWay).toBe(1)
  endPreloads()
  expect(underWay).toBe(1)
  listens.beforeListen()
  expect(underWay).toBe(0)
  listens.beforeListen()
  elapse()
  expect(underWay).toBe(0)
})

test('a program that listens on nothing is ready some time after the preloads', () => {
  beginPreloads(true)
  listens.beforeListen()
  endPreloads()
  elapse()
  expect(underWay).toBe(0)
})

test('without other preloads nothing is held', () => {
  beginPreloads(true)
  endPreloads()
  listens.beforeListen()
  expect(underWay).toBe(0)
})

test('without a last preload the others end with the turn', async () => {
  beginPreloads(false)
  expect(isPreloading()).toBe(true)
  await Promise.resolve()
  expect(isPreloading()).toBe(false)
})

test('a program whose package names one of ours makes its handoff itself', () => {
  const root = mkdtempSync(join(tmpdir(), 'handoff-unit-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  mkdirSync(join(root, 'src'))
  const entry = join(root, 'src/server.js')
  const manifest = (text: string) => writeFileSync(join(root, 'package.json'), text)

  manifest('{ "dependencies": { "express": "5" } }')
  expect(dependsOnUs(entry)).toBe(false)
  manifest('{ "dependencies": { "fastify-socket-handoff": "1" } }')
  expect(dependsOnUs(entry)).toBe(true)
  manifest('{ "name": "socket-handoff" }')
  expect(dependsOnUs(entry)).toBe(true)
  manifest('no JSON')
  expect(dependsOnUs(entry)).toBe(false)
  expect(dependsOnUs(undefined)).toBe(false)
})
