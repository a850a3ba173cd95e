// The store-neutral archive of a stream, as nats-server exchanges it since 2.15.
//
//   archive = "NATSARC1"  entry*  end
//   entry   = name length (uvarint)  time in ns (varint)  sequence (uvarint)
//             header bytes (uvarint)  payload bytes (uvarint)  name  header  payload
//   end     = an entry of zeros: without it the archive was cut off
//
//   "state.json"        the stream's state, first
//   "consumers/<name>"  { "config": …, "state": … }, as many as the state counts
//   <subject>           a message; sequences ascend
//
// A uvarint has seven bits a byte, the lowest first, bit 7 set in all but the last; a varint is one
// of zigzag numbers (0, -1, 1, -2 …). Rule: server/archive and server/stream_backup.go of
// nats-server 2.15, and what 2.15.1 was seen to write.
//
// The reader is given blocks of any length and holds one entry, whose length it refuses before it
// gathers a byte of it (`EntryBounds`).

export const magic = Buffer.from('NATSARC1')
/** Longer than any subject: `subjectBytesMax` of streams is 4 KiB. */
const nameBytesMax = 64 * 1024
const varintBytesMax = 10
const numbersBytesMax = 5 * varintBytesMax

export interface Entry {
  readonly name: string
  readonly timeUs: number
  /** 0 in entries that are no messages. */
  readonly seq: number
  readonly headers: Buffer
  readonly payload: Buffer
}

/** What an entry claims to be, before its bytes are there. */
export interface EntryHead {
  readonly name: string
  readonly timeUs: number
  readonly seq: number
  readonly headerBytes: number
  readonly payloadBytes: number
}

/** What is wrong with an entry of these sizes; '' lets it come. */
export type EntryBounds = (head: EntryHead) => string

export type ArchiveRead =
  | { readonly is: 'entry'; readonly entry: Entry }
  | { readonly is: 'hungry' }
  | { readonly is: 'end' }
  | { readonly is: 'wrong'; readonly problem: string }

/** The bytes of an entry up to its header and payload. */
export function entryHead(
  name: string,
  timeUs: number,
  seq: number,
  headerBytes: number,
  payloadBytes: number,
): Buffer {
  const nameBytes = Buffer.byteLength(name)
  const head = Buffer.allocUnsafe(numbersBytesMax + nameBytes)
  let at = putUvarint(head, 0, nameBytes)
  at = putTime(head, at, timeUs)
  at = putUvarint(head, at, seq)
  at = putUvarint(head, at, headerBytes)
  at = putUvarint(head, at, payloadBytes)
  at += head.write(name, at)
  return head.subarray(0, at)
}

/** The end of an archive. */
export const archiveEnd = Buffer.alloc(5)

function putUvarint(to: Buffer, at: number, value: number): number {
  let left = value
  while (left >= 0x80) {
    to[at++] = (left % 0x80) | 0x80
    left = Math.floor(left / 0x80)
  }
  to[at++] = left
  return at
}

/** Nanoseconds are beyond 2^53, and zigzag doubles them: 2,000 times the microseconds. */
function putTime(to: Buffer, at: number, timeUs: number): number {
  let left = BigInt(Math.max(0, timeUs)) * 2000n
  while (left >= 0x80n) {
    to[at++] = Number(left & 0x7fn) | 0x80
    left >>= 7n
  }
  to[at++] = Number(left)
  return at
}

const none = Buffer.alloc(0)
const hungry: ArchiveRead = { is: 'hungry' }
const notArchive = 'not an archive of a stream'

/** Numbers of an entry's front, or why there are none. */
interface Front {
  readonly head: EntryHead
  readonly end: number
}

export class ArchiveReader {
  readonly #refuses: EntryBounds
  /** Bytes not yet understood. */
  #bytes: Buffer = none
  #at = 0
  #hasMagic = false
  #head: EntryHead | null = null
  /** Of the entry under way, when its bytes came in several blocks. */
  #body: Buffer | null = null
  #filled = 0
  #ended: ArchiveRead | null = null

  constructor(refuses: EntryBounds) {
    this.#refuses = refuses
  }

  /** Only after `hungry`. The bytes are kept until they are understood. */
  push(block: Buffer): void {
    const left = this.#bytes.subarray(this.#at)
    this.#bytes = left.length === 0 ? block : Buffer.concat([left, block])
    this.#at = 0
  }

  /** The next entry; its buffers are valid until the next push. */
  next(): ArchiveRead {
    if (this.#ended) return this.#ended
    if (!this.#hasMagic) {
      const begun = this.#bytes.subarray(0, magic.length)
      if (!begun.equals(magic.subarray(0, begun.length))) return this.#end(notArchive)
      if (begun.length < magic.length) return hungry
      this.#hasMagic = true
      this.#at = magic.length
    }
    if (this.#head === null) {
      const front = this.#front()
      if (front === null) return hungry
      if (typeof front === 'string') return this.#end(front)
      this.#at = front.end
      if (isEnd(front.head)) return this.#end('')
      const refused = this.#refuses(front.head)
      if (refused !== '') return this.#end(refused)
      this.#head = front.head
    }
    return this.#entry(this.#head)
  }

  #end(problem: string): ArchiveRead {
    this.#ended = problem === '' ? { is: 'end' } : { is: 'wrong', problem }
    this.#bytes = none
    this.#at = 0
    return this.#ended
  }

  #entry(head: EntryHead): ArchiveRead {
    const size = head.headerBytes + head.payloadBytes
    const here = this.#bytes.subarray(this.#at, this.#at + size - this.#filled)
    let body: Buffer | null = this.#body
    if (body === null && here.length < size) {
      body = Buffer.allocUnsafe(size)
      this.#body = body
    }
    if (body !== null) this.#filled += here.copy(body, this.#filled)
    this.#at += here.length
    if (body !== null && this.#filled < size) return hungry
    const whole = body ?? here
    this.#head = null
    this.#body = null
    this.#filled = 0
    const entry: Entry = {
      name: head.name,
      timeUs: head.timeUs,
      seq: head.seq,
      headers: whole.subarray(0, head.headerBytes),
      payload: whole.subarray(head.headerBytes),
    }
    return { is: 'entry', entry }
  }

  /** null: more bytes are needed. */
  #front(): Front | string | null {
    const at = this.#at
    const numbers: number[] = []
    let from = at
    for (let i = 0; i < 5; i++) {
      const read = readUvarint(this.#bytes, from)
      if (read === null) return this.#bytes.length - from > varintBytesMax ? corrupt : null
      const isTime = i === 1
      const value = isTime ? timeUsOf(read.value) : Number(read.value)
      if (!Number.isSafeInteger(value)) return corrupt
      numbers.push(value)
      from = read.end
    }
    const [nameBytes, timeUs, seq, headerBytes, payloadBytes] = numbers as [
      number,
      number,
      number,
      number,
      number,
    ]
    if (nameBytes > nameBytesMax) return `name of ${nameBytes} bytes`
    if (this.#bytes.length - from < nameBytes) return null
    const name = this.#bytes.toString('utf8', from, from + nameBytes)
    return { head: { name, timeUs, seq, headerBytes, payloadBytes }, end: from + nameBytes }
  }
}

const corrupt = 'archive is corrupt'

function isEnd({ name, timeUs, seq, headerBytes, payloadBytes }: EntryHead): boolean {
  return name === '' && timeUs === 0 && seq === 0 && headerBytes === 0 && payloadBytes === 0
}

/** null: it does not end here. */
function readUvarint(bytes: Buffer, from: number): { value: bigint; end: number } | null {
  let low = 0
  let factor = 1
  let high = 0n
  for (let n = 0; n < varintBytesMax; n++) {
    const byte = bytes[from + n]
    if (byte === undefined) return null
    // Seven bytes fit into a double; what lies beyond is rare but for times.
    if (n < 7) {
      low += (byte & 0x7f) * factor
      factor *= 0x80
    } else high |= BigInt(byte & 0x7f) << BigInt(7 * n)
    if (byte < 0x80) return { value: high + BigInt(low), end: from + n + 1 }
  }
  return null
}

/** Microseconds of a zigzag number of nanoseconds; before 1970 it was never. */
function timeUsOf(zigzag: bigint): number {
  return (zigzag & 1n) === 1n ? 0 : Number(zigzag / 2000n)
}
