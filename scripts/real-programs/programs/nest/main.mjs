// A NestJS app on Express that closes in order at SIGTERM. Decorators are called by hand: Node has none.

import 'reflect-metadata'
import { Controller, Get, Header, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'

class AppController {
  root() {
    return 'hello\n'
  }
}

class AppModule {}

const { prototype } = AppController
const root = Object.getOwnPropertyDescriptor(prototype, 'root')
Get()(prototype, 'root', root)
Header('x-pid', String(process.pid))(prototype, 'root', root)
Controller()(AppController)
Module({ controllers: [AppController] })(AppModule)

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] })
app.enableShutdownHooks()
await app.listen(process.env.PORT, '127.0.0.1')
console.log('listening')
