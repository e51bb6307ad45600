// The whole program of the README, as users paste it.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const readme = readFileSync(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8')

/** The first block of code that imports the plugin, on a port of this test. */
export function readmeProgram(port: number): string {
  const blocks = [...readme.matchAll(/^```(?:ts|js)\n(.*?)^```/gms)].map(([, code = '']) => code)
  const program = blocks.find((code) => code.includes("from 'fastify-socket-handoff'"))
  if (program === undefined) throw new Error('the README has no program with the plugin')
  return program.replace('3000', `${port}`)
}

/** The program as it is. */
export const asWritten = (program: string): string => program

/** The same program as a CommonJS module. */
export function asCommonJs(program: string): string {
  const body = program
    .replaceAll(/^import (\w+) from ('.*')$/gm, 'const $1 = require($2)')
    .replaceAll(/^import (\{.*\}) from ('.*')$/gm, 'const $1 = require($2)')
  return `async function main() {\n${body}}\nmain()\n`
}
