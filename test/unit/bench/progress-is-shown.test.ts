// The progress line: it changes in place on a terminal, and is a plain line elsewhere.

import { expect, test } from 'vitest'
import { Progress } from '../../../bench/core/progress.ts'

function shown(isTTY: boolean) {
  let now = 0
  let text = ''
  const write = (more: string) => {
    text += more
  }
  const progress = new Progress({ isTTY, columns: 30, write }, () => now)
  progress.begin('walk', 2)
  now = 61_000
  progress.step('one')
  progress.detail('half of it, and a long description of what comes')
  progress.line('a note')
  progress.step('two')
  progress.clear()
  return text
}

test('elsewhere than on a terminal there are plain lines, and no details', () => {
  expect(shown(false)).toBe('1:01 [walk 1/2] one\na note\n1:01 [walk 2/2] two\n')
})

test('on a terminal one line changes, and is no wider than the terminal', () => {
  const clear = '\r\u001b[K'
  expect(shown(true)).toBe(
    `${clear}1:01 [walk 1/2] one${clear}1:01 [walk 1/2] half of it, a${clear}a note\n${clear}1:01 [walk 2/2] two${clear}`,
  )
})
