// Values as nats-server's monitoring writes them: indented JSON with Go's escapes, Go's durations
// and nats-server's own form of an uptime.

const escapes: Record<string, string> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
}

/** JSON text, indented by two blanks unless `indent` is 0. */
export function toJson(value: unknown, indent = 2): string {
  return JSON.stringify(value, null, indent).replace(
    /[<>&\u2028\u2029]/g,
    one => escapes[one] ?? one,
  )
}

/** A point in time, as Go writes it; a clock before 1970 or past the year 9999 is still written. */
export function timeText(wallMs: number): string {
  const text = new Date(
    Math.min(Math.max(wallMs, -62_135_596_800_000), 253_402_300_799_999),
  ).toISOString()
  // Zeros at the end of the fraction are left out.
  return text.endsWith('0Z') ? text.replace(/\.?0+Z$/, 'Z') : text
}

/** `1y2d3h4m5s`, without what is zero in front. */
export function uptimeText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  const days = Math.floor(hours / 24)
  const years = Math.floor(days / 365)
  let text = ''
  if (years > 0) text += `${years}y`
  if (days > 0) text += `${days % 365}d`
  if (hours > 0) text += `${hours % 24}h`
  if (minutes > 0) text += `${minutes % 60}m`
  return `${text}${seconds % 60}s`
}

/** A short time as Go prints it: `0s`, `309µs`, `1.5ms`, `2.25s`. */
export function durationText(ms: number): string {
  const ns = Math.max(0, Math.round(ms * 1e6))
  if (ns === 0) return '0s'
  if (ns < 1e3) return `${ns}ns`
  // Below a millisecond the fraction is cut, as nats-server does for round trips.
  if (ns < 1e6) return `${Math.trunc(ns / 1e3)}µs`
  if (ns < 1e9) return `${ns / 1e6}ms`
  const seconds = Math.floor(ns / 1e9)
  const rest = (ns % 1e9) / 1e9
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor(seconds / 60) % 60
  const shown = Number(((seconds % 60) + rest).toFixed(9))
  if (hours > 0) return `${hours}h${minutes}m${shown}s`
  return minutes > 0 ? `${minutes}m${shown}s` : `${shown}s`
}
