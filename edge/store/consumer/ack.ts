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
 * the sequences are none; how often it was delivered decides nothing.
 */
export function readAckNumbers(subject: string, from: number, into: AckedMessage): boolean {
  const first = subject.indexOf('.', from)
  const second = subject.indexOf('.', first + 1)
  const third = subject.indexOf('.', second + 1)
  if (first < 0 || second < 0) return false
  into.deliveries = Math.max(0, numberIn(subject, from, first))
  into.streamSeq = numberIn(subject, first + 1, second)
  into.consumerSeq = numberIn(subject, second + 1, third < 0 ? subject.length : third)
  return into.streamSeq >= 0 && into.consumerSeq >= 0
}

/** -1 when it is no number, or one that is not exact. */
function numberIn(subject: string, from: number, to: number): number {
  if (from === to || to - from > 15) return -1
  let value = 0
  for (let i = from; i < to; i++) {
    const digit = subject.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
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
