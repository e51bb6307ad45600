// Environment variables that say something of one process alone, and would mislead another.

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
