// Writes the state machines of docs/protocol.md from the table that the code runs:
//
//   node --import tsx scripts/diagram.ts

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Role, table } from '../packages/handoff/src/protocol/machine.ts'
import { betweenMarkers, markdownTable } from './generated.ts'

/** State → event → what it does. */
type Rows = Readonly<
  Record<string, Readonly<Record<string, { to: string; effects: readonly string[] }>>>
>

const page = fileURLToPath(new URL('../docs/protocol.md', import.meta.url))

/** The page with what lies between its markers written anew. */
export function withMachine(text: string): string {
  return betweenMarkers(text, 'machine', `${section('new')}\n\n${section('old')}`)
}

function section(role: Role): string {
  return `### The ${role} process\n\n${diagram(table[role])}\n\n${effects(table[role])}`
}

function diagram(rows: Rows): string {
  const lines = [`[*] --> ${Object.keys(rows)[0]}`]
  for (const [from, row] of Object.entries(rows)) {
    const arrows = groupBy(Object.entries(row), ([, { to }]) => to)
    for (const [to, events] of arrows) lines.push(`${from} --> ${to}: ${names(events)}`)
    // Where no event leads elsewhere, the role has ended.
    if ([...arrows.keys()].every((to) => to === from)) lines.push(`${from} --> [*]`)
  }
  return ['```mermaid', 'stateDiagram-v2', ...lines.map((line) => `  ${line}`), '```'].join('\n')
}

function effects(rows: Rows): string {
  const lines = Object.entries(rows).flatMap(([state, row]) => {
    const alike = groupBy(Object.entries(row), ([, does]) => JSON.stringify(does))
    return [...alike.values()].map((events) => {
      const { to, effects } = (events[0] as (typeof events)[number])[1]
      return [state, names(events), to, effects.join(', ')]
    })
  })
  return markdownTable(['in', 'on', 'to', 'effects, in this order'], lines)
}

function names(events: readonly [string, unknown][]): string {
  return events.map(([event]) => event).join(', ')
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item])
  return groups
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(page, withMachine(readFileSync(page, 'utf8')))
}
