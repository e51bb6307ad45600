// The environment variables that name the descriptors which a process inherits.

/** SD_LISTEN_FDS_START of sd_listen_fds(3). */
const firstInherited = 3
/** The kernel's limit on the descriptors of a process: fs.nr_open of proc_sys_fs(5), its default. */
const mostInherited = 2 ** 20

/**
 * Names the descriptors that a process inherits from a supervisor: `3=NAME:4=NAME`.
 *
 * @remarks LISTEN_FDS counts only with LISTEN_PID, which a process that spawns by Node.js cannot know
 * before the child runs.
 */
export const inheritedVariable = 'HANDOFF_LISTENERS'

/** Names descriptors at addresses of other workers, which the supervisor has bound for this process. */
export const reservedVariable = 'HANDOFF_RESERVED'

/** An inherited descriptor, and the name that it came with. */
export interface NamedDescriptor {
  readonly fd: number
  readonly name: string
}

/**
 * Reads which descriptors were inherited, and removes the variables from the environment: they are valid
 * once, and for this process only.
 *
 * @see sd_listen_fds(3)
 */
export function takeInherited(env: NodeJS.ProcessEnv, pid: number): NamedDescriptor[] {
  const own = takePairs(env, inheritedVariable)
  if (env.LISTEN_PID !== String(pid)) return own
  const count = Number(env.LISTEN_FDS)
  const names = (env.LISTEN_FDNAMES ?? '').split(':')
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete env[name]
  if (!Number.isInteger(count) || count < 0 || count > mostInherited) return own
  const activated = Array.from({ length: count }, (_, index) => ({
    fd: firstInherited + index,
    name: names[index] ?? '',
  }))
  return [...own, ...activated]
}

/** Reads which listeners were bound for this process, and removes the variable from the environment. */
export function takeReserved(env: NodeJS.ProcessEnv): NamedDescriptor[] {
  return takePairs(env, reservedVariable)
}

/**
 * Returns the value of {@link inheritedVariable} for a process to be started that inherits these
 * descriptors, in this order.
 *
 * @param before - how many other descriptors it inherits before these.
 */
export function inheritedText(names: readonly string[], before = 0): string {
  return names.map((name, index) => `${firstInherited + before + index}=${name}`).join(':')
}

/** Returns the variables for a process to be started. No variable for an empty list. */
export function inheritedVariables(
  kept: readonly NamedDescriptor[],
  reserved: readonly NamedDescriptor[],
): Record<string, string> {
  const text = (named: readonly NamedDescriptor[], before: number) =>
    inheritedText(
      named.map(({ name }) => name),
      before,
    )
  return {
    ...(kept.length > 0 && { [inheritedVariable]: text(kept, 0) }),
    ...(reserved.length > 0 && { [reservedVariable]: text(reserved, kept.length) }),
  }
}

function takePairs(env: NodeJS.ProcessEnv, variable: string): NamedDescriptor[] {
  const pairs = (env[variable] ?? '').split(':').flatMap(readPair)
  delete env[variable]
  return pairs
}

function readPair(pair: string): NamedDescriptor[] {
  const [, fd, name = ''] = /^(\d+)=(.*)$/.exec(pair) ?? []
  return fd === undefined ? [] : [{ fd: Number(fd), name }]
}
