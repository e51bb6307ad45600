// Finds flags of Node.js before the entry: `handoff run --import ./telemetry.mjs server.js`.

import type { Command } from 'commander'
import { isNodeFlag, widthOf } from '../supervisor/program/node-options.ts'

/** The hidden option that takes each of them, so that commander parses the others as usual. */
export const nodeFlagOption = '--node-flag'

/** With these Node.js would watch and restart by itself. */
const refused = /^--watch-/

/**
 * Writes flags of Node.js between `run` and its entry as values of {@link nodeFlagOption}.
 *
 * @param args - without node and script: `run --import ./a.mjs server.js`.
 * @param run - the command. Its own options are tried first.
 */
export function markNodeFlags(args: readonly string[], run: Command): string[] {
  if (args[0] !== run.name()) return [...args]
  const marked = [run.name()]
  let index = 1
  while (index < args.length) {
    const flag = args[index] as string
    if (!flag.startsWith('-') || flag === '--') break
    const own = run.options.find(({ long, short }) => {
      return [long, short].includes(flag.split('=', 1)[0])
    })
    const isNodes = own === undefined && isNodeFlag(flag) && !refused.test(flag)
    const isPair = own === undefined ? isNodes && widthOf(flag) === 2 : takesNext(own, flag)
    const taken = args.slice(index, index + (isPair ? 2 : 1))
    marked.push(...(isNodes ? taken.map((part) => `${nodeFlagOption}=${part}`) : taken))
    index += taken.length
  }
  return [...marked, ...args.slice(index)]
}

/** Returns options of `handoff run` among the arguments of the program. They are probably misplaced. */
export function misplacedOptions(args: readonly string[], run: Command): string[] {
  return args.filter((arg) => {
    const [name = ''] = arg.split('=', 1)
    return run.options.some(({ long, hidden }) => long === name && !hidden)
  })
}

function takesNext({ required }: Command['options'][number], flag: string): boolean {
  return required && !flag.includes('=')
}
