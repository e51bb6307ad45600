// Frames as docs/protocol.md describes them, written without the library: u32 length, u8 type,
// u8 descriptors, JSON.

export const HELLO = 1
export const REFUSE = 2

export function frame(type: number, payload: unknown, lengthBytes?: number): Buffer {
  const json = Buffer.from(JSON.stringify(payload))
  const head = Buffer.alloc(6)
  head.writeUInt32BE(lengthBytes ?? json.length)
  head.writeUInt8(type, 4)
  return Buffer.concat([head, json])
}

/** The first frame of an answer. */
export function parseFrame(bytes: Buffer): { type: number; payload: Record<string, unknown> } {
  const length = bytes.readUInt32BE()
  return { type: bytes.readUInt8(4), payload: JSON.parse(`${bytes.subarray(6, 6 + length)}`) }
}
