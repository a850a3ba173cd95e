// How long a message lives: the value of `Nats-TTL` (ADR-43), read as nats-server 2.15 reads it.
//
//   90      seconds              1h30m   a Go duration, of a second or more; parts of one are cut
//   never   not even max_age     0, 5ms, anything else: no TTL at all, an error
//
// One difference: nats-server lets a number of seconds overflow and drops the message at once;
// here it is as good as never, but for max_age.

import { durationOf } from '../consumer/duration.ts'
import type { StreamConfig } from '../shapes.ts'

export const neverExpires = -1
/** What cannot be read. */
export const invalidTtl = Number.NaN

const secondNs = 1_000_000_000
/** The longest Go's durations can be; keeps sums of times exact as well. */
const ttlSecondsMax = 9_223_372_036

/** Seconds, `neverExpires`, 0 for none, or `invalidTtl`. */
export function ttlOf(text: string): number {
  if (text.toLowerCase() === 'never') return neverExpires
  const ns = durationOf(text)
  if (ns !== null && ns / secondNs <= ttlSecondsMax) {
    return ns < secondNs ? invalidTtl : Math.floor(ns / secondNs)
  }
  return /^\d+$/.test(text) ? Math.min(Number(text), ttlSecondsMax) : invalidTtl
}

/**
 * Seconds a message is kept: no marker may outlive it, or one could be missed, unless there is
 * only ever one message of a subject.
 */
export function keptSeconds(config: StreamConfig, ttl: number): number {
  const floor = markerSeconds(config)
  return ttl > 0 && config.max_msgs_per_subject !== 1 ? Math.max(ttl, floor) : ttl
}

/** How long a delete marker lives; 0: the stream sets none. */
export function markerSeconds(config: StreamConfig): number {
  return Math.floor((config.subject_delete_marker_ttl ?? 0) / secondNs)
}
