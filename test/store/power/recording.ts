// What a process did to a directory, read from strace's log, in the order in which the system
// did it: data operations when they returned, syncs when they began and when they returned.

import * as fs from 'node:fs'

export type Operation =
  | { readonly is: 'open'; readonly file: string; readonly fd: number; readonly creates: boolean }
  | { readonly is: 'write'; readonly file: string; readonly at: number; readonly data: Buffer }
  | { readonly is: 'truncate'; readonly file: string; readonly size: number }
  | { readonly is: 'sync-begins' | 'sync-ends'; readonly file: string; readonly call: number }
  | { readonly is: 'rename'; readonly from: string; readonly to: string }
  | { readonly is: 'unlink'; readonly file: string }
  | { readonly is: 'event'; readonly text: string }

export const tracedCalls = [
  'openat',
  'close',
  'write',
  'pwrite64',
  'writev',
  'pwritev',
  'ftruncate',
  'truncate',
  'fallocate',
  'rename',
  'renameat',
  'renameat2',
  'unlink',
  'unlinkat',
  'fsync',
  'fdatasync',
  'sync_file_range',
]

const lineFeed = 10
const quote = 0x22
const longBytesMin = 600

/** Calls that would change a store file in a way this reader does not know: it then refuses. */
const unknown = new Set(['writev', 'pwritev', 'truncate', 'fallocate', 'sync_file_range'])

export function readRecording(log: string, dir: string, events: string): Operation[] {
  const reader = new Reader(dir, events)
  const bytes = fs.readFileSync(log)
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(lineFeed, start)
    if (end < 0) break
    readLine(reader, bytes, start, end)
    start = end + 1
  }
  return reader.operations
}

/** Most of a log is what was written: that is not made a string first. */
function readLine(reader: Reader, bytes: Buffer, start: number, end: number): void {
  if (end - start < longBytesMin) return reader.line(bytes.latin1Slice(start, end), null)
  const from = bytes.indexOf(quote, start) + 1
  const to = bytes.indexOf(quote, from)
  const text = bytes.latin1Slice(start, from) + bytes.latin1Slice(to, end)
  reader.line(text, decoded(bytes, from, to))
}

/** `\x41\x42` between two places of the log. */
function decoded(bytes: Buffer, from: number, to: number): Buffer {
  const data = Buffer.allocUnsafe((to - from) / 4)
  for (let at = from, i = 0; at < to; at += 4, i++) {
    data[i] = (digitOf(bytes[at + 2] ?? 0) << 4) | digitOf(bytes[at + 3] ?? 0)
  }
  return data
}

/** Of a digit or a small letter. */
const digitOf = (byte: number): number => (byte < 0x3a ? byte - 0x30 : byte - 0x57)

/** A call, until it returns. */
interface Begun {
  readonly text: string
  readonly call: number
  readonly data: Buffer | null
}

class Reader {
  readonly operations: Operation[] = []
  readonly #dir: string
  readonly #events: string
  readonly #files = new Map<number, { readonly file: string; at: number }>()
  readonly #unfinished = new Map<string, Begun>()
  #calls = 0

  constructor(dir: string, events: string) {
    this.#dir = dir
    this.#events = events
  }

  /** `data`: the first string of the call, where that is long; the line then has `""`. */
  line(line: string, data: Buffer | null): void {
    const parts = /^(\d+) +(.*)$/.exec(line)
    if (!parts) return
    const [, pid = '', text = ''] = parts
    if (text.startsWith('+++') || text.startsWith('---')) return
    const resumed = /^<\.\.\. (\w+) resumed>(.*)$/.exec(text)
    if (resumed) {
      const begun = this.#unfinished.get(pid)
      this.#unfinished.delete(pid)
      if (begun) this.#returned({ ...begun, text: begun.text + (resumed[2] ?? '') })
      return
    }
    const call = ++this.#calls
    const open = text.endsWith('<unfinished ...>')
    const sync = /^f(?:data)?sync\((\d+)/.exec(text)
    const file = sync ? this.#files.get(Number(sync[1]))?.file : undefined
    if (file !== undefined) this.operations.push({ is: 'sync-begins', file, call })
    if (open) {
      this.#unfinished.set(pid, { text: text.slice(0, -'<unfinished ...>'.length), call, data })
      return
    }
    this.#returned({ text, call, data })
  }

  #returned({ text, call, data: long }: Begun): void {
    const parts = /^(\w+)\((.*)\) += (-?\d+)/.exec(text)
    if (!parts) return
    const [, name = '', args = '', resultText = ''] = parts
    const result = Number(resultText)
    if (result < 0) return
    if (name === 'openat') return this.#opened(args, result)
    if (name.startsWith('rename')) return this.#renamed(args)
    if (name.startsWith('unlink')) return this.#unlinked(args)
    const fd = Number(args.split(',')[0])
    const known = this.#files.get(fd)
    if (!known) return
    if (unknown.has(name)) throw new Error(`recorded a ${name} on ${known.file}`)
    const { file } = known
    if (name === 'close') this.#files.delete(fd)
    else if (name === 'ftruncate') {
      this.operations.push({ is: 'truncate', file, size: Number(args.split(',')[1]) })
    } else if (name.endsWith('sync')) this.operations.push({ is: 'sync-ends', file, call })
    else if (name === 'pwrite64') {
      const at = Number(args.slice(args.lastIndexOf(',') + 1))
      this.#wrote(file, at, (long ?? bytesOf(args)).subarray(0, result))
    } else if (name === 'write') {
      const data = (long ?? bytesOf(args)).subarray(0, result)
      if (file === this.#events) {
        for (const event of data.toString().split('\n')) {
          if (event !== '') this.operations.push({ is: 'event', text: event })
        }
        return
      }
      this.#wrote(file, known.at, data)
      known.at += result
    }
  }

  #wrote(file: string, at: number, data: Buffer): void {
    if (file === this.#events) throw new Error('events are written with write')
    this.operations.push({ is: 'write', file, at, data })
  }

  #opened(args: string, fd: number): void {
    const file = bytesOf(args).toString()
    if (file !== this.#events && file !== this.#dir && !file.startsWith(`${this.#dir}/`)) return
    this.#files.set(fd, { file, at: 0 })
    const creates = args.includes('O_CREAT')
    if (file === this.#events || file === this.#dir) return
    this.operations.push({ is: 'open', file, fd, creates })
    if (args.includes('O_TRUNC')) this.operations.push({ is: 'truncate', file, size: 0 })
  }

  #renamed(args: string): void {
    const [from = '', to = ''] = [...args.matchAll(/"([^"]*)"/g)].map(one => unhex(one[1] ?? ''))
    if (from.startsWith(`${this.#dir}/`)) this.operations.push({ is: 'rename', from, to })
  }

  #unlinked(args: string): void {
    const file = bytesOf(args).toString()
    if (file.startsWith(`${this.#dir}/`)) this.operations.push({ is: 'unlink', file })
  }
}

/** The first string of a call's arguments, which strace -xx writes as \x41\x42. */
function bytesOf(args: string): Buffer {
  const from = args.indexOf('"') + 1
  const end = args.indexOf('"', from)
  return Buffer.from(args.slice(from, end).replaceAll('\\x', ''), 'hex')
}

const unhex = (text: string): string => Buffer.from(text.replaceAll('\\x', ''), 'hex').toString()
