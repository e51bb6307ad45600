// A gRPC service with a unary call and a stream of a second, as its users write one.

const grpc = require('@grpc/grpc-js')

const raw = (bytes) => bytes
const call = (path, responseStream) => ({
  path,
  requestStream: false,
  responseStream,
  requestSerialize: raw,
  requestDeserialize: raw,
  responseSerialize: raw,
  responseDeserialize: raw,
})
const greeter = { say: call('/Greeter/Say', false), count: call('/Greeter/Count', true) }

const server = new grpc.Server()
server.addService(greeter, {
  say: (_, done) => setTimeout(() => done(null, Buffer.from(String(process.pid))), 20),
  count: (stream) => {
    let sent = 0
    const timer = setInterval(() => {
      stream.write(Buffer.from(String(++sent)))
      if (sent < 10) return
      clearInterval(timer)
      stream.end()
    }, 100)
  },
})
server.bindAsync(
  `127.0.0.1:${process.env.PORT}`,
  grpc.ServerCredentials.createInsecure(),
  (error) => {
    if (error) throw error
    console.log('listening')
  },
)
