// Modules of Node.js that many programs do without: each is loaded when it is used, which costs time.

import type { Cluster } from 'node:cluster'
import type http from 'node:http'
import type https from 'node:https'
import net from 'node:net'
import type tls from 'node:tls'

const { getBuiltinModule } = process

/** Loads a module at its first use; a program that uses it, too, has loaded it already. */
export const builtins = {
  get cluster() {
    // Its types are those of the ES module.
    return getBuiltinModule('node:cluster') as unknown as Cluster
  },
  get crypto() {
    return getBuiltinModule('node:crypto')
  },
  get dns() {
    return getBuiltinModule('node:dns')
  },
  get http() {
    return getBuiltinModule('node:http')
  },
  get http2() {
    return getBuiltinModule('node:http2')
  },
  get https() {
    return getBuiltinModule('node:https')
  },
  get perfHooks() {
    return getBuiltinModule('node:perf_hooks')
  },
  get tls() {
    return getBuiltinModule('node:tls')
  },
}

/** Whether this process is a worker of `node:cluster`. Such a worker starts with a channel to its primary. */
export const isClusterWorker = process.channel !== undefined && builtins.cluster.isWorker

export function isHttpServer(server: net.Server): server is http.Server {
  return !isPlain(server) && server instanceof builtins.http.Server
}

/** `https` servers are TLS servers as well. */
export function isHttpsServer(server: net.Server): server is https.Server {
  return isTlsServer(server) && server instanceof builtins.https.Server
}

export function isTlsServer(server: net.Server): server is tls.Server {
  return !isPlain(server) && !isHttpServer(server) && server instanceof builtins.tls.Server
}

/**
 * Whether it is a server of `http2.createSecureServer()`. Its class has no public name.
 *
 * @see lib/internal/http2/core.js `Http2SecureServer` (Node 20 to 26)
 */
export function isHttp2SecureServer(server: net.Server): boolean {
  return isTlsServer(server) && server.constructor.name === 'Http2SecureServer'
}

/** Whether it is a server of `node:net` itself, which needs neither `node:http` nor `node:tls`. */
function isPlain(server: net.Server): boolean {
  return Object.getPrototypeOf(server) === net.Server.prototype
}
