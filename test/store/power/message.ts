// Messages that say what they are, so that any reader can tell whether one is right. Those of some
// streams are made for them: of a bucket's (`K`) some are deletions and purges of their key, and
// each demands the place it takes; `N` counts; `P` is written in atomic batches of three, and some
// of its messages have a TTL.

const subjectCount = 7
export const batchCount = 3

/** `life`: the stream's name, with `#n` behind it where it is the n-th of that name. */
export function subjectOf(life: string, seq: number): string {
  return `${nameOf(life)}.${seq % subjectCount}`
}

export function bodyOf(life: string, seq: number): { headers: Buffer; payload: Buffer } {
  if (life === 'K') return entryOf(seq)
  if (life === 'N') return countOf(seq)
  if (life === 'P') return partOf(seq)
  const headers = seq % 4 === 0 ? `NATS/1.0\r\nNats-Msg-Id: ${life}-${seq}\r\n\r\n` : ''
  const bytes = seq % 41 === 0 ? 9000 + (seq % 500) : 20 + ((seq * 37) % 400)
  return { headers: Buffer.from(headers), payload: Buffer.alloc(bytes, `${life}:${seq};`) }
}

/** What is published, where a stream stores something else. */
export function publishOf(life: string, seq: number): { headers: Buffer; payload: Buffer } {
  const { headers, payload } = bodyOf(life, seq)
  return { headers, payload: life === 'N' ? Buffer.alloc(0) : payload }
}

/** True when this message drops all others of its subject. */
export function isRollup(life: string, seq: number): boolean {
  return life === 'K' && seq % 19 === 0
}

export const nameOf = (life: string): string => life.split('#', 1)[0] ?? life

/** One more on its subject. */
function countOf(seq: number): { headers: Buffer; payload: Buffer } {
  const value = Math.floor((seq - 1) / subjectCount) + 1
  return {
    headers: Buffer.from('NATS/1.0\r\nNats-Incr: 1\r\n\r\n'),
    payload: Buffer.from(`{"val":"${value}"}`),
  }
}

function partOf(seq: number): { headers: Buffer; payload: Buffer } {
  const at = (seq - 1) % batchCount
  const first = seq - at
  const lines = [`Nats-Batch-Id: b${first}`, `Nats-Batch-Sequence: ${at + 1}`]
  if (at === batchCount - 1) lines.push('Nats-Batch-Commit: 1')
  if (first % 4 === 0) lines.push('Nats-TTL: 1s')
  return {
    headers: Buffer.from(`NATS/1.0\r\n${lines.join('\r\n')}\r\n\r\n`),
    payload: Buffer.from(`P:${seq};`),
  }
}

function entryOf(seq: number): { headers: Buffer; payload: Buffer } {
  const last = Math.max(0, seq - subjectCount)
  const operation = isRollup('K', seq)
    ? 'KV-Operation: PURGE\r\nNats-Rollup: sub\r\n'
    : seq % 11 === 0
      ? 'KV-Operation: DEL\r\n'
      : ''
  const expected = `Nats-Expected-Last-Subject-Sequence: ${last}\r\n`
  return {
    headers: Buffer.from(`NATS/1.0\r\n${operation}${expected}\r\n`),
    payload: operation === '' ? Buffer.alloc(10 + (seq % 90), `K:${seq};`) : Buffer.alloc(0),
  }
}
