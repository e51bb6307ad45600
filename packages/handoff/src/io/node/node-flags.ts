// Flags of node for a process that runs beside this one.

/**
 * Gives back the flags, such that the inspector does not collide.
 *
 * @remarks This process holds the port that an inspect flag names, so another one takes any that is
 * free. The last flag counts, and those of the command line come after NODE_OPTIONS.
 * @see https://nodejs.org/api/cli.html#--inspect-porthostport
 * @internal
 */
export function withFreeInspectPort(flags: readonly string[], nodeOptions = ''): string[] {
  const inspects = /(^|\s)--(inspect(-brk|-wait|-port)?|debug-port)(=|\s|$)/
  const collides = inspects.test(nodeOptions) || flags.some((flag) => inspects.test(flag))
  return collides ? [...flags, '--inspect-port=0'] : [...flags]
}
