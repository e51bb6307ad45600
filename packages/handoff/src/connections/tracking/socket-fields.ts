// Stores fields on sockets: a program cannot find private fields of another class.

import type { Socket } from 'node:net'

/**
 * Why a connection ends in this process. `leaving`: it is on its way to another process. `gone`: another process
 * has it, and its socket here is about to be dropped.
 */
export type EndReason = 'closed' | 'forced' | 'leaving' | 'gone'

/** Returns its argument, so that a subclass can add private fields to an object of another class. */
const Given = class {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: this is how the fields are added.
    return object
  }
} as new (
  object: object,
) => object

/** @remarks With thousands of sockets a WeakMap costs several times as much, in every collection of garbage too. */
export class SocketFields extends Given {
  #set: object | undefined
  #index = 0
  #reason: EndReason | undefined

  /** Returns the index of a socket in a set; undefined if none was stored. */
  static indexIn(set: object, socket: Socket): number | undefined {
    return #set in socket && socket.#set === set ? socket.#index : undefined
  }

  /** @returns whether the index was stored: a socket has the index of one set. */
  static storeIndex(set: object, socket: Socket, index: number): boolean {
    const fields = SocketFields.#of(socket)
    if (fields.#set !== undefined && fields.#set !== set) return false
    fields.#set = set
    fields.#index = index
    return true
  }

  static forgetIndex(socket: Socket): void {
    SocketFields.#of(socket).#set = undefined
  }

  /** Whether a socket has an index in a set, and its connection is on no way to another process. */
  static isHereIn(set: object, socket: Socket): boolean {
    if (!(#set in socket) || socket.#set !== set) return false
    return socket.#reason !== 'leaving' && socket.#reason !== 'gone'
  }

  static reasonOf(socket: Socket): EndReason | undefined {
    return #set in socket ? socket.#reason : undefined
  }

  static setReason(socket: Socket, reason: EndReason | undefined): void {
    if (!(#set in socket)) new SocketFields(socket)
    ;(socket as unknown as SocketFields).#reason = reason
  }

  static #of(socket: Socket): SocketFields {
    if (!(#set in socket)) new SocketFields(socket)
    return socket as unknown as SocketFields
  }
}
