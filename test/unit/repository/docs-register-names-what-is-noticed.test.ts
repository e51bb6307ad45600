// The differences that a program may notice are those of the documentation, and no others.

import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { exceptions } from '../../support/presence/exceptions.ts'

const documentation = readFileSync(new URL('../../../docs/register.md', import.meta.url), 'utf8')

test('docs/register.md lists each exception, word for word', () => {
  const [, list = ''] = documentation.split('## What a program may notice\n')
  const items = [...list.matchAll(/^- (.*(?:\n {2}.*)*)/gm)].map(([, text = '']) =>
    text.replaceAll('\n  ', ' '),
  )
  expect(items).toEqual(exceptions.map(({ text }) => text))
})

test('each program that shows one is there', () => {
  const programs = exceptions.flatMap((exception) => exception.programs)
  const missing = programs.filter(
    (program) => !existsSync(new URL(`../../fixtures/presence/${program}`, import.meta.url)),
  )
  expect(missing).toEqual([])
})
