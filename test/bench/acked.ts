// JetStream load: publishes that wait for their acknowledgement, so many at a time. The rate is
// that of acknowledgements; at the end the stream must hold exactly what was acknowledged.
//
// Each publish has a reply subject of its own, as clients make them: a prefix and a counter. The
// publishes are prebuilt and go round; there are more of them than any server caches subjects.

import { type Batches, digits, publishes, Wire } from './wire.ts'

export interface AckedShape {
  readonly payloadBytes: number
  readonly inFlight: number
  /** One reply subject for all, which no client does: what it costs to have one's own. */
  readonly hasOneReply?: boolean
}

/** What is published, and to where. */
export interface Load {
  readonly batches: Batches
  readonly inFlight: number
}

const stream = 'BENCH'
const subject = 'bench.acked'
export const inbox = '_INBOX.bench'
const prebuilt = 32_768
const replyMsMax = 60_000

const built = new Map<string, Batches>()

/** Publishes for about `ms`; returns acknowledged messages a second. */
export async function measureAcked(port: number, shape: AckedShape, ms: number): Promise<number> {
  const wire = await Wire.open(port)
  try {
    await wire.request(`$JS.API.STREAM.DELETE.${stream}`)
    const config = { name: stream, subjects: [subject], storage: 'file' }
    await wire.api(`STREAM.CREATE.${stream}`, config)
    const load = { batches: batchesOf(shape), inFlight: shape.inFlight }
    const { acked, elapsedMs } = await publishFor(wire, load, { ms })
    const { state } = (await wire.api(`STREAM.INFO.${stream}`)) as { state: { messages: number } }
    if (state.messages !== acked) throw new Error(`${acked} acknowledged, ${state.messages} stored`)
    await wire.api(`STREAM.DELETE.${stream}`)
    return (acked / elapsedMs) * 1000
  } finally {
    wire.close()
  }
}

function batchesOf({ payloadBytes, hasOneReply }: AckedShape): Batches {
  const key = `${payloadBytes} ${hasOneReply}`
  let batches = built.get(key)
  if (!batches) {
    const reply = (at: number): string =>
      hasOneReply ? `${inbox}.a` : `${inbox}.Zq3Vn7.${digits(at, 6)}`
    batches = publishes(prebuilt, payloadBytes, () => subject, reply)
    built.set(key, batches)
  }
  return batches
}

export interface Until {
  /** Then no more are sent. */
  readonly ms: number
  readonly count?: number
}

/** Keeps `inFlight` publishes unacknowledged until it is over and the last ack is here. */
export function publishFor(
  wire: Wire,
  { batches, inFlight }: Load,
  { ms, count: countMax = Number.POSITIVE_INFINITY }: Until,
): Promise<{ acked: number; elapsedMs: number }> {
  const startMs = performance.now()
  let sent = 0
  let acked = 0
  let at = 0
  const send = (wanted: number): void => {
    let count = Math.min(wanted, countMax - sent)
    sent += count
    while (count > 0) {
      const some = Math.min(count, batches.count - at)
      wire.write(batches.bytes.subarray(at * batches.each, (at + some) * batches.each))
      at = (at + some) % batches.count
      count -= some
    }
  }
  wire.write(`SUB ${inbox}.> b\r\n`)
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new Error(`${acked} of ${sent} acknowledged`))
    const timer = setTimeout(late, ms + replyMsMax)
    wire.onEnd = reject
    // What came with one read is answered with one write.
    let fresh = 0
    const answer = (): void => {
      const elapsedMs = performance.now() - startMs
      if (elapsedMs < ms) send(fresh)
      fresh = 0
      if (acked < sent || (elapsedMs < ms && sent < countMax)) return
      clearTimeout(timer)
      wire.onMessage = () => {}
      wire.write('UNSUB b\r\n')
      resolve({ acked, elapsedMs })
    }
    wire.onMessage = ({ chunk, bodyStart, end }) => {
      // `{"error"` or `{"stream"`
      if (chunk[bodyStart + 2] === 0x65) reject(new Error(chunk.latin1Slice(bodyStart, end)))
      acked++
      if (fresh++ === 0) queueMicrotask(answer)
    }
    send(inFlight)
  })
}
