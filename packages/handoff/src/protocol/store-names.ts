// The names under which listeners are kept for a crash: FDNAME= of sd_pid_notify_with_fds(3).

/** "At most 255 characters", sd_listen_fds_with_names(3). */
const longest = 255

/**
 * Returns the name for a key. It may contain any ASCII but control characters and `:`, which would end it
 * in LISTEN_FDNAMES.
 */
export function storeNameOf(key: string): string {
  return encodeURIComponent(key).slice(0, longest)
}

/**
 * Returns the key of a name; undefined for a name of another program, such as the FileDescriptorName= of
 * a socket unit, and for one that was cut off.
 */
export function keyOfStoreName(name: string): string | undefined {
  if (!isStoreName(name) || name.length === longest) return undefined
  try {
    return decodeURIComponent(name)
  } catch {
    return undefined
  }
}

/** Whether a process of socket-handoff made this name. */
export function isStoreName(name: string): boolean {
  return /^(\d+%40)?(tcp|udp|unix)%3A/.test(name)
}
