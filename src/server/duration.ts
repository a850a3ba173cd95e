// Durations as Go's time.ParseDuration reads them: "300ms", "1.5h", "1h30m", "-1s", "0".
// There is no day. The result is in milliseconds and may hold a fraction.

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

const textLengthMax = 64
/** Go's int64 of nanoseconds ends here. */
const durationMsMax = 9_223_372_036_854

/** null when the text is not a duration. */
export function parseDurationMs(text: string): number | null {
  if (text.length === 0 || text.length > textLengthMax) return null
  const signed = text[0] === '-' || text[0] === '+'
  const rest = signed ? text.slice(1) : text
  if (rest === '0') return 0
  const part = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y
  let ms = 0
  while (part.lastIndex < rest.length) {
    const found = part.exec(rest)
    if (!found) return null
    ms += Number(found[1]) * (unitMs[found[2] as string] as number)
  }
  if (rest.length === 0 || ms > durationMsMax) return null
  return text[0] === '-' ? -ms : ms
}

/** A duration in Go's own spelling, as nats-server prints it: "2m0s", "1.5s", "250ms". */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s'
  if (ms < 0) return `-${formatDuration(-ms)}`
  if (ms < 1e-3) return `${Math.round(ms * 1e6)}ns`
  if (ms < 1) return `${trim(ms * 1e3, 3)}µs`
  if (ms < 1000) return `${trim(ms, 6)}ms`
  const hours = Math.floor(ms / 3_600_000)
  const minutes = Math.floor((ms % 3_600_000) / 60_000)
  const seconds = `${trim((ms % 60_000) / 1000, 9)}s`
  if (hours > 0) return `${hours}h${minutes}m${seconds}`
  return minutes > 0 ? `${minutes}m${seconds}` : seconds
}

function trim(value: number, digits: number): string {
  return value.toFixed(digits).replace(/\.?0+$/, '')
}
