// Writes the picture and the table of docs/architecture.md from the rooms that the architecture test holds:
//
//   node --import tsx scripts/architecture.ts

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { arrows, rooms, usedBy } from '../test/support/rooms.ts'
import { betweenMarkers, markdownTable } from './generated.ts'

const page = fileURLToPath(new URL('../docs/architecture.md', import.meta.url))

/** Returns the page with its picture and its table written anew. */
export function withRooms(text: string): string {
  return betweenMarkers(betweenMarkers(text, 'picture', picture()), 'rooms', table())
}

function picture(): string {
  const lines = [
    ...Object.keys(rooms).map((room) => `${idOf(room)}["${room}"]`),
    ...arrows().map(([from, to]) => `${idOf(from)} --> ${idOf(to)}`),
  ]
  return ['```mermaid', 'flowchart TD', ...lines.map((line) => `  ${line}`), '```'].join('\n')
}

/** Mermaid takes no dots in the name of a node. */
function idOf(room: string): string {
  return room.replace('.', '_')
}

function table(): string {
  const lines = Object.entries(rooms).map(([room, { has }]) => [
    `\`${room}\``,
    has,
    usedBy(room).join(', '),
  ])
  return markdownTable(['room', 'what lives there', 'may use'], lines)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(page, withRooms(readFileSync(page, 'utf8')))
}
