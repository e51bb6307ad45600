// An MQTT broker in the memory of its process.

import net from 'node:net'
import { Aedes } from 'aedes'

const broker = await Aedes.createBroker()
net
  .createServer(broker.handle)
  .listen(process.env.PORT, '127.0.0.1', () => console.log('listening'))
