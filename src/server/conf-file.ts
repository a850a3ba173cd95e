// Reads config files for conf.ts: bounded, whatever the path names (a device never ends).

import { closeSync, openSync, readSync } from 'node:fs'
import { type ConfSource, fileBytesMax } from './conf.ts'

export function fileSource(env: ConfSource['env']): ConfSource {
  return { read: readBounded, env }
}

/** At most one byte more than the parser takes, so that it sees the excess. */
function readBounded(path: string): string | Error {
  let descriptor: number
  try {
    descriptor = openSync(path, 'r')
  } catch (error) {
    return reason('open', path, error)
  }
  try {
    const chunk = Buffer.allocUnsafe(65_536)
    const parts: Buffer[] = []
    for (let size = 0; size <= fileBytesMax; ) {
      const count = readSync(descriptor, chunk)
      if (count === 0) break
      size += count
      parts.push(Buffer.from(chunk.subarray(0, count)))
    }
    return Buffer.concat(parts).toString()
  } catch (error) {
    return reason('read', path, error)
  } finally {
    closeSync(descriptor)
  }
}

const texts: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EISDIR: 'is a directory',
  ENOTDIR: 'not a directory',
  ELOOP: 'too many levels of symbolic links',
  ENAMETOOLONG: 'file name too long',
}

/** In Go's words, as scripts know them: `open x: no such file or directory`. */
function reason(verb: string, path: string, error: unknown): Error {
  const code = String((error as NodeJS.ErrnoException).code)
  return new Error(`${verb} ${path}: ${texts[code] ?? (error as Error).message}`)
}
