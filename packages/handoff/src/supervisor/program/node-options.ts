// Reads flags of Node.js, also in NODE_OPTIONS, and tells apart those that are meant for the program.

/**
 * Splits the text of NODE_OPTIONS as Node.js does: at spaces, with double quotes, in which a
 * backslash escapes.
 *
 * @see src/node_options.cc `ParseNodeOptionsEnvVar`
 */
export function splitNodeOptions(text: string): string[] {
  const found = text.matchAll(/(?:"(?:\\[\s\S]|[^"\\])*"?|[^" ])+/g)
  return [...found].map(([word]) =>
    word.replace(/"((?:\\[\s\S]|[^"\\])*)"?/g, (_, quoted: string) =>
      quoted.replace(/\\([\s\S])/g, '$1'),
    ),
  )
}

/** Writes flags as {@link splitNodeOptions} reads them. */
export function joinNodeOptions(flags: readonly string[]): string {
  return flags.map(quote).join(' ')
}

/** Flags that load code into the process, or open a port in it. */
const ofProgram = new Set([
  ...['--import', '--require', '-r', '--loader', '--experimental-loader'],
  ...['--env-file', '--env-file-if-exists'],
  ...['--experimental-config-file', '--experimental-default-config-file'],
  ...['--inspect', '--inspect-brk', '--inspect-wait', '--inspect-port', '--debug-port'],
  ...['--inspect-publish-uid', '--experimental-network-inspection'],
])

/**
 * Flags whose value is the next argument, unless it follows a `=`. All others are switches, or take a value
 * after `=` only (V8).
 *
 * @see https://nodejs.org/api/cli.html#options
 */
const withValue = new Set([
  ...['--import', '--require', '-r', '--loader', '--experimental-loader', '--conditions', '-C'],
  ...['--env-file', '--env-file-if-exists', '--experimental-config-file'],
  ...['--inspect-port', '--debug-port', '--inspect-publish-uid', '--title', '--input-type'],
  ...['--experimental-default-type', '--disable-warning', '--redirect-warnings'],
  ...['--diagnostic-dir', '--unhandled-rejections', '--dns-result-order', '--icu-data-dir'],
  ...['--openssl-config', '--trace-event-categories', '--trace-event-file-pattern'],
  ...['--heapsnapshot-signal', '--heapsnapshot-near-heap-limit', '--disable-proto'],
  ...['--cpu-prof-dir', '--cpu-prof-name', '--cpu-prof-interval'],
  ...['--heap-prof-dir', '--heap-prof-name', '--heap-prof-interval'],
  ...['--report-dir', '--report-directory', '--report-filename', '--report-signal'],
  ...['--secure-heap', '--secure-heap-min', '--max-http-header-size'],
  ...['--tls-cipher-list', '--tls-keylog', '--network-family-autoselection-attempt-timeout'],
  ...['--localstorage-file', '--v8-pool-size', '--allow-fs-read', '--allow-fs-write'],
])

/** Flags that Node.js takes on the command line and not in NODE_OPTIONS. */
const commandLineOnly = ['--env-file', '--env-file-if-exists', '--expose-gc', '--expose_gc']

/** Returns whether this Node.js knows the flag, with or without `=VALUE`. */
export function isNodeFlag(flag: string): boolean {
  const name = nameOf(flag)
  return commandLineOnly.includes(name) || process.allowedNodeEnvironmentFlags.has(name)
}

/** Returns how many arguments the flag and its value are: 1 or 2. */
export function widthOf(flag: string): number {
  return withValue.has(flag) ? 2 : 1
}

/** Flags in two groups, each in order. */
export interface Parted {
  /** For the program alone: the supervisor must neither load their code nor open their ports. */
  readonly program: string[]
  /** All others, which are harmless in the supervisor. */
  readonly rest: string[]
}

/** Separates the flags for the program from all others. */
export function partFlags(flags: readonly string[]): Parted {
  const parted: Parted = { program: [], rest: [] }
  for (let index = 0; index < flags.length; ) {
    const flag = flags[index] as string
    const width = widthOf(flag)
    const words = flags.slice(index, index + width)
    const isProgram = ofProgram.has(nameOf(flag)) && !words.some(isPlugAndPlay)
    const group = isProgram ? parted.program : parted.rest
    group.push(...words)
    index += width
  }
  return parted
}

/** Yarn's Plug'n'Play: without it this command does not find its own dependencies. */
function isPlugAndPlay(word: string): boolean {
  return /\.pnp\.(cjs|js|loader\.mjs)$/.test(word)
}

/** Returns the values of a flag in order, such as the files of `--env-file`. */
export function valuesOf(flags: readonly string[], names: readonly string[]): string[] {
  return flags.flatMap((flag, index) => {
    if (!names.includes(nameOf(flag))) return []
    const joined = flag.indexOf('=')
    const value = joined < 0 ? flags[index + 1] : flag.slice(joined + 1)
    return value === undefined ? [] : [value]
  })
}

/** Returns `--inspect` for `--inspect=9229`. Node.js takes `_` for `-` in a name. */
function nameOf(flag: string): string {
  const [name = ''] = flag.split('=', 1)
  return name.startsWith('--') ? `--${name.slice(2).replaceAll('_', '-')}` : name
}

function quote(flag: string): string {
  return /[\s"\\]/.test(flag) || flag === '' ? `"${flag.replace(/["\\]/g, '\\$&')}"` : flag
}
