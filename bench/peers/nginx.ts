// nginx in front of the server: `nginx -s reload` replaces its worker process.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../test/support/free-port.ts'
import { answers, end, untilReplaced } from './answers.ts'
import type { Peer } from './peer.ts'
import { startPlain } from './upstream.ts'
import { which } from './which.ts'

export const nginx: Peer = {
  name: 'nginx',
  about:
    'nginx, one worker, as a proxy before Fastify; its configuration is reloaded, Fastify stays',
  startsAgain: true,
  missing: () =>
    which('nginx') === undefined ? 'apt-get install nginx-light, or brew install nginx' : undefined,
  async start(resources) {
    const upstream = await startPlain(resources)
    const [port, directory] = [await freePort(), resources.directory()]
    const file = join(directory, 'nginx.conf')
    writeFileSync(file, configuration(port, upstream.port, directory))
    const child = resources.spawn(which('nginx') ?? 'nginx', ['-p', directory, '-c', file], {
      stdio: 'ignore',
    })
    await answers(port)
    const trigger = async () => void child.kill('SIGHUP')
    return {
      port,
      trigger,
      reload: () => untilReplaced(port, trigger),
      async stop() {
        await end(child)
        await upstream.stop()
      },
    }
  },
}

/** One worker, since the others are one process; a kept connection may carry any number of requests. */
function configuration(port: number, upstream: number, directory: string): string {
  return `daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${directory}/nginx.pid;
error_log ${directory}/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  upstream app { server 127.0.0.1:${upstream}; keepalive 128; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_hide_header x-pid;
      add_header x-pid $pid always;
    }
  }
}
`
}
