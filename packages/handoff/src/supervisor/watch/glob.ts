// Matches files with patterns, as git and most watchers do.

import { isAbsolute, relative, sep } from 'node:path'

/**
 * Makes the test for files below a directory that match a pattern, or lie in a directory that does.
 *
 * `*` and `?` stay within one part of a path, `**` does not, `{a,b}` is either. A pattern without a
 * slash matches at any depth; others begin at the directory, or are absolute.
 */
export function globTest(pattern: string, directory: string): (path: string) => boolean {
  const plain = pattern.replace(/^\.\//, '').replace(/\/+$/, '')
  const from = plain.includes('/') ? '' : '(?:.*/)?'
  const expression = new RegExp(`^${from}${expressionOf(plain)}(?:/.*)?$`)
  return (path) => {
    const name = isAbsolute(plain) ? path : relative(directory, path)
    return expression.test(name.replaceAll(sep, '/'))
  }
}

function expressionOf(pattern: string): string {
  let depth = 0
  return pattern.replace(/\*\*\/|\*\*|[\s\S]/g, (part) => {
    switch (part) {
      case '**/':
        return '(?:.*/)?'
      case '**':
        return '.*'
      case '*':
        return '[^/]*'
      case '?':
        return '[^/]'
      case '{':
        depth += 1
        return '(?:'
      case '}':
        depth -= 1
        return depth >= 0 ? ')' : '\\}'
      case ',':
        return depth > 0 ? '|' : ','
      default:
        return part.replace(/[\\^$.|+()[\]]/, '\\$&')
    }
  })
}
