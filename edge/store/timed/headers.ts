// The headers that give a message a time of its own: `Nats-TTL` (ADR-43), `Nats-Schedule…` and
// what goes with it (ADR-51). publish-headers.ts reads them in its one pass; the first of a name
// wins.

import type { AppendOptions } from '../shapes.ts'
import { ttlOf } from './ttl.ts'

/** As they stand there; undefined: no such header, or an empty one. */
export interface ScheduleHeaders {
  readonly pattern?: string
  /** '' when the header is there and empty: that is an error. */
  readonly timeZone?: string
  readonly ttl?: string
  readonly rollup?: string
  readonly target?: string
  readonly source?: string
  /** Subject of the schedule that made the message. */
  readonly scheduler?: string
  /** `purge`, or when the schedule is due again. */
  readonly next?: string
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Take = (options: Mutable<AppendOptions>, value: string) => void

export const timeZoneHeader = 'Nats-Schedule-Time-Zone'
export const purgeNext = 'purge'

export const timedTakers: Readonly<Record<string, Take>> = {
  'Nats-TTL': (options, value) => {
    options.ttl ??= ttlOf(value)
  },
  'Nats-Schedule': taker('pattern'),
  [timeZoneHeader]: taker('timeZone'),
  'Nats-Schedule-TTL': taker('ttl'),
  'Nats-Schedule-Rollup': taker('rollup'),
  'Nats-Schedule-Target': taker('target'),
  'Nats-Schedule-Source': taker('source'),
  'Nats-Scheduler': taker('scheduler'),
  'Nats-Schedule-Next': taker('next'),
}

function taker(name: keyof ScheduleHeaders): Take {
  return (options, value) => {
    const schedule: Mutable<ScheduleHeaders> = options.schedule ?? {}
    schedule[name] ??= value
    options.schedule = schedule
  }
}
