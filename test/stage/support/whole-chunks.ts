// Replies as a client reads them, whatever chunks their bodies came in: RFC 9112, section 7.1.

const headEnd = '\r\n\r\n'

/**
 * Joins the chunks of each chunked body. Where they are cut depends on what else the process does at
 * that moment: since Node 26 those that are written in one turn are one.
 */
export function wholeChunks(text: string): string {
  let whole = ''
  let at = 0
  for (;;) {
    const end = text.indexOf(headEnd, at)
    if (end < 0) return whole + text.slice(at)
    const head = text.slice(at, end + headEnd.length)
    const body = end + headEnd.length
    const length = /^content-length: (\d+)\r$/im.exec(head)?.[1]
    if (/^transfer-encoding: chunked\r$/im.test(head)) {
      const { content, end: next } = readChunks(text, body)
      whole += `${head}[${content}`
      if (next === undefined) return whole
      whole += ']\n'
      at = next
    } else {
      at = body + Number(length ?? 0)
      whole += head + text.slice(body, at)
    }
  }
}

/** `end` is undefined for a body that was cut off. */
function readChunks(text: string, from: number): { content: string; end: number | undefined } {
  let content = ''
  for (let at = from; ; ) {
    const [line, size = ''] = /^([0-9a-f]+)\r\n/i.exec(text.slice(at, at + 20)) ?? []
    // What a test notes about the end of the connection stands behind it.
    if (line === undefined)
      return { content: content + (note.exec(text)?.[0] ?? ''), end: undefined }
    const begin = at + line.length
    const end = begin + Number.parseInt(size, 16)
    if (text.slice(end, end + 2) !== '\r\n') {
      const rest = note.exec(text.slice(end))?.[0] ?? ''
      return { content: content + text.slice(begin, end) + rest, end: undefined }
    }
    if (end === begin) return { content, end: end + 2 }
    content += text.slice(begin, end)
    at = end + 2
  }
}

const note = /[A-Z]+$/
