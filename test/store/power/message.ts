// Messages that say what they are, so that any reader can tell whether one is right. Of a bucket's
// (`K`) some are deletions and purges of their key, and each demands the place it takes.

const subjectCount = 7

/** `life`: the stream's name, with `#n` behind it where it is the n-th of that name. */
export function subjectOf(life: string, seq: number): string {
  return `${nameOf(life)}.${seq % subjectCount}`
}

export function bodyOf(life: string, seq: number): { headers: Buffer; payload: Buffer } {
  if (life === 'K') return entryOf(seq)
  const headers = seq % 4 === 0 ? `NATS/1.0\r\nNats-Msg-Id: ${life}-${seq}\r\n\r\n` : ''
  const bytes = seq % 41 === 0 ? 9000 + (seq % 500) : 20 + ((seq * 37) % 400)
  return { headers: Buffer.from(headers), payload: Buffer.alloc(bytes, `${life}:${seq};`) }
}

/** True when this message drops all others of its subject. */
export function isRollup(life: string, seq: number): boolean {
  return life === 'K' && seq % 19 === 0
}

export const nameOf = (life: string): string => life.split('#', 1)[0] ?? life

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
