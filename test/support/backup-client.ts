// A client that saves and restores streams as the `nats` tool does: chunks on a literal subject,
// each acknowledged; a restore's chunks as requests, one after the other. It knows nothing of our
// code but the reader of S2 frames.

import { type NatsConnection, createInbox } from '@nats-io/transport-node'
import { S2Reader } from '../../src/wire/s2.ts'

export interface Chunk {
  readonly bytes: Buffer
  readonly reply: string
}

export interface Saved {
  /** The answer to the request. */
  readonly answer: Readonly<Record<string, unknown>>
  readonly chunks: readonly Chunk[]
  /** Status line of the last message; '' when it had none. */
  readonly end: string
}

export interface SaveOptions {
  /** Beside deliver_subject. */
  readonly request?: Readonly<Record<string, unknown>>
  /** Answers only so many chunks; default all. */
  readonly acks?: number
  /** Called at every chunk. */
  readonly onChunk?: (count: number) => void
}

const endMsMax = 15_000

export async function save(
  nc: NatsConnection,
  stream: string,
  options: SaveOptions = {},
): Promise<Saved> {
  const inbox = createInbox('_SNAP')
  const chunks: Chunk[] = []
  let timer: NodeJS.Timeout | undefined
  let acks = options.acks ?? Number.POSITIVE_INFINITY
  const ended = new Promise<string>((resolve, reject) => {
    timer = setTimeout(() => reject(new Error('a snapshot without end')), endMsMax)
    nc.subscribe(inbox, {
      callback: (_error, message) => {
        const { headers } = message
        if (message.data.length === 0) {
          resolve(headers ? `${headers.code} ${headers.description}`.trim() : '')
          return
        }
        chunks.push({ bytes: Buffer.from(message.data), reply: message.reply ?? '' })
        options.onChunk?.(chunks.length)
        if (message.reply && acks-- > 0) message.respond()
      },
    })
  })
  const request = { deliver_subject: inbox, ...options.request }
  const answer = await nc.request(`$JS.API.STREAM.SNAPSHOT.${stream}`, JSON.stringify(request), {
    timeout: endMsMax,
  })
  const fields = answer.json<Record<string, unknown>>()
  const end = fields.error ? '' : await ended
  clearTimeout(timer)
  return { answer: fields, chunks, end }
}

export function bytesOf({ chunks }: Saved): Buffer {
  return Buffer.concat(chunks.map(({ bytes }) => bytes))
}

export interface Restored {
  /** Answers to the request, to each chunk ('' = none was wrong) and to the end. */
  readonly begun: Readonly<Record<string, unknown>>
  readonly chunks: readonly string[]
  readonly end: Readonly<Record<string, unknown>>
}

const chunkBytes = 64 * 1024

/** `config` is that of the snapshot's answer, changed or not. */
export async function restore(
  nc: NatsConnection,
  stream: string,
  config: unknown,
  archive: Buffer,
  bytesEach = chunkBytes,
): Promise<Restored> {
  const request = JSON.stringify({ config, state: {} })
  const answer = await nc.request(`$JS.API.STREAM.RESTORE.${stream}`, request, {
    timeout: endMsMax,
  })
  const begun = answer.json<Record<string, unknown>>()
  const subject = String(begun.deliver_subject)
  const chunks: string[] = []
  if (begun.error) return { begun, chunks, end: {} }
  for (let at = 0; at < archive.length; at += bytesEach) {
    const chunk = archive.subarray(at, at + bytesEach)
    chunks.push((await nc.request(subject, chunk, { timeout: endMsMax })).string())
  }
  const end = await nc.request(subject, '', { timeout: endMsMax })
  return { begun, chunks, end: end.json<Record<string, unknown>>() }
}

export interface ArchiveEntry {
  readonly name: string
  readonly timeNs: bigint
  readonly seq: number
  readonly headers: string
  readonly payload: string
}

/** Unpacks and reads a whole archive, by its description alone; the last entry is the end's. */
export function entriesOf(archive: Buffer): readonly ArchiveEntry[] {
  const plain = unpacked(archive)
  if (plain.toString('latin1', 0, 8) !== 'NATSARC1') throw new Error('no archive')
  const entries: ArchiveEntry[] = []
  let at = 8
  const uvarint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = BigInt(plain[at++] as number)
      value |= (byte & 0x7fn) << shift
      if (byte < 0x80n) return value
    }
  }
  const text = (bytes: number): string => {
    at += bytes
    return plain.toString('latin1', at - bytes, at)
  }
  while (at < plain.length) {
    const nameBytes = Number(uvarint())
    const zigzag = uvarint()
    const timeNs = (zigzag >> 1n) ^ -(zigzag & 1n)
    const seq = Number(uvarint())
    const [headerBytes, payloadBytes] = [Number(uvarint()), Number(uvarint())]
    const name = text(nameBytes)
    entries.push({ name, timeNs, seq, headers: text(headerBytes), payload: text(payloadBytes) })
  }
  return entries
}

export function unpacked(archive: Buffer): Buffer {
  const reader = new S2Reader()
  reader.push(archive)
  const blocks: Buffer[] = []
  for (let read = reader.read(); read.is !== 'hungry'; read = reader.read()) {
    if (read.is === 'wrong') throw new Error(read.problem)
    blocks.push(read.bytes)
  }
  if (!reader.isBetween) throw new Error('archive is cut off')
  return Buffer.concat(blocks)
}
