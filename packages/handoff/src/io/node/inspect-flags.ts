// Adapts the flags of node for a process that runs at the same time as this one.

/**
 * Returns the flags with a free port for the inspector.
 *
 * @remarks This process holds the port that an inspect flag names, so the other one takes any free port.
 * The last flag counts, and flags of the command line come after NODE_OPTIONS.
 * @see https://nodejs.org/api/cli.html#--inspect-porthostport
 * @internal
 */
export function withFreeInspectPort(flags: readonly string[], nodeOptions = ''): string[] {
  const inspects = /(^|\s)--(inspect(-brk|-wait|-port)?|debug-port)(=|\s|$)/
  const collides = inspects.test(nodeOptions) || flags.some((flag) => inspects.test(flag))
  return collides ? [...flags, '--inspect-port=0'] : [...flags]
}
