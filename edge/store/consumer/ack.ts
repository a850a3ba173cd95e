// Acknowledgements as they come over the wire (reference 6.6).
//
//   v1  $JS.ACK.<stream>.<consumer>.<deliveries>.<sseq>.<cseq>.<ns>.<pending>
//   v2  $JS.ACK.<domain>.<hash>.<stream>.<consumer>.<deliveries>.<sseq>.<cseq>.<ns>.<pending>[.…]
//
// The subject is read by character: an ack costs no split and no array.

import { durationOf } from './duration.ts'

export interface AckedMessage {
  deliveries: number
  streamSeq: number
  consumerSeq: number
}

/**
 * Reads the three numbers that start at `from` (behind `…<consumer>.`) into `into`. False when
 * they are not numbers.
 */
export function readAckNumbers(subject: string, from: number, into: AckedMessage): boolean {
  let field = 0
  let value = 0
  let digits = 0
  for (let i = from; i <= subject.length; i++) {
    const c = i < subject.length ? subject.charCodeAt(i) : 0x2e
    if (c >= 0x30 && c <= 0x39) {
      value = value * 10 + (c - 0x30)
      digits++
      continue
    }
    if (c !== 0x2e || digits === 0 || digits > 15) return false
    if (field === 0) into.deliveries = value
    else if (field === 1) into.streamSeq = value
    else {
      into.consumerSeq = value
      return true
    }
    field++
    value = 0
    digits = 0
  }
  return false
}

export type AckVerb = 'ack' | 'nak' | 'progress' | 'next' | 'term' | 'unknown'

/** What the body of an ack asks for; whatever else it says is ignored, as nats-server does. */
export function ackVerb(body: Buffer): AckVerb {
  if (body.length === 0) return 'ack'
  const sign = body[0]
  if (sign === 0x2d) return starts(body, '-NAK') ? 'nak' : 'unknown'
  if (sign !== 0x2b) return 'unknown'
  if (starts(body, '+ACK') && body.length === 4) return 'ack'
  if (starts(body, '+OK') && body.length === 3) return 'ack'
  if (starts(body, '+NXT')) return 'next'
  if (starts(body, '+WPI') && body.length === 4) return 'progress'
  return starts(body, '+TERM') ? 'term' : 'unknown'
}

function starts(body: Buffer, verb: string): boolean {
  if (body.length < verb.length) return false
  for (let i = 0; i < verb.length; i++) if (body[i] !== verb.charCodeAt(i)) return false
  return true
}

/** A delay longer than this is not one anybody waits for; it keeps the arithmetic exact. */
const delayMsMax = 365 * 24 * 3600 * 1000

/**
 * The delay of `-NAK {"delay":ns}` or `-NAK 10s`, in ms; null when there is none. A text that
 * cannot be read counts as none, as with nats-server.
 */
export function nakDelayMs(body: Buffer): number | null {
  const text = body.toString('utf8', '-NAK'.length).trim()
  if (text === '') return null
  const ns = text.startsWith('{') ? jsonDelay(text) : durationOf(text)
  return ns === null ? null : Math.min(Math.max(ns / 1e6, 0), delayMsMax)
}

function jsonDelay(text: string): number | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return null
    const delay = (value as { delay?: unknown }).delay
    if (delay === undefined) return 0
    return typeof delay === 'number' && Number.isFinite(delay) ? delay : null
  } catch {
    // Not JSON: a plain NAK.
    return null
  }
}

/** The reason behind `+TERM`, '' when none is given. */
export function termReason(body: Buffer): string {
  return body.toString('utf8', '+TERM'.length).trim()
}
