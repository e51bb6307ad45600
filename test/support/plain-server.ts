// The text of a server that imports nothing of ours, as an ES module.

/**
 * A server that answers with `reply` on the port of its first argument, and at `/slow` only when it
 * gets SIGUSR1; it prints `listening PID PORT`, and `asked` when it has been asked for `/slow`.
 */
export function plainServer(reply: string): string {
  return `
    import http from 'node:http'
    const server = http.createServer((request, response) => {
      const answer = () => response.end(${JSON.stringify(reply)})
      if (request.url !== '/slow') return answer()
      process.once('SIGUSR1', answer)
      console.log('asked')
    })
    server.listen(process.argv[2], '127.0.0.1', () => {
      console.log('listening', process.pid, server.address().port)
    })
  `
}
