// Time zones of schedules (`Nats-Schedule-Time-Zone`, ADR-51): the names Go's LoadLocation takes.
//
// UTC and Local cost nothing. Another one loads Node's own table of zones (1.9 MB), once.

export interface Zone {
  /** Local time minus UTC at a moment, in ms. */
  offsetMs(utcMs: number): number
}

export const utc: Zone = { offsetMs: () => 0 }

const local: Zone = { offsetMs: utcMs => new Date(utcMs).getTimezoneOffset() * -60_000 }

/** Files of the zone database begin with a capital: no `utc`, and no offset such as +02:00. */
const name = /^[A-Z][\w+-]*(?:\/[A-Z][\w+-]*)*$/
/** Each holds a formatter of some KiB. */
const zonesMax = 32
const zones = new Map<string, Zone | null>()

/** null: there is no such zone. */
export function zoneOf(text: string): Zone | null {
  if (text === 'UTC') return utc
  if (text === 'Local') return local
  if (!name.test(text)) return null
  const known = zones.get(text)
  if (known !== undefined) return known
  if (zones.size >= zonesMax) zones.clear()
  const made = newZone(text)
  zones.set(text, made)
  return made
}

function newZone(timeZone: string): Zone | null {
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch {
    // A name nobody knows is the publisher's mistake.
    return null
  }
  return remembered(format)
}

const secondMs = 1000
/** Clocks are changed on a quarter of an hour. */
const quarterMs = 900_000

/** Remembers one quarter: who looks for a minute or a second asks for it again and again. */
function remembered(format: Intl.DateTimeFormat): Zone {
  let quarter = Number.NaN
  let offset = 0
  return {
    offsetMs(utcMs) {
      const asked = Math.floor(utcMs / quarterMs)
      if (asked !== quarter) offset = offsetIn(format, utcMs)
      quarter = asked
      return offset
    },
  }
}

function offsetIn(format: Intl.DateTimeFormat, utcMs: number): number {
  const seconds = Math.floor(utcMs / secondMs) * secondMs
  const found = { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 }
  for (const { type, value } of format.formatToParts(seconds)) {
    if (type in found) found[type as keyof typeof found] = Number(value)
  }
  const { year, month, day, hour, minute, second } = found
  return Date.UTC(year, month - 1, day, hour, minute, second) - seconds
}
