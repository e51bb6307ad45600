// Environment variables that are valid for one process only, and must not reach another one.

/** Of Node's IPC and cluster, of socket activation and of systemd's watchdog (sd_listen_fds(3)). */
export const processVariables: readonly string[] = [
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'NODE_UNIQUE_ID',
  'LISTEN_PID',
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
  'WATCHDOG_PID',
]
