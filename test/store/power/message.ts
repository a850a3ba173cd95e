// Messages that say what they are, so that any reader can tell whether one is right.

export function subjectOf(stream: string, seq: number): string {
  return `${stream}.${seq % 7}`
}

export function bodyOf(stream: string, seq: number): { headers: Buffer; payload: Buffer } {
  const headers = seq % 4 === 0 ? `NATS/1.0\r\nNats-Msg-Id: ${stream}-${seq}\r\n\r\n` : ''
  const bytes = seq % 41 === 0 ? 9000 + (seq % 500) : 20 + ((seq * 37) % 400)
  const text = `${stream}:${seq};`
  return { headers: Buffer.from(headers), payload: Buffer.alloc(bytes, text) }
}
