// Go's durations as text, both ways: `-NAK 1m30s`, `Exceeded MaxRequestExpires of 30s`.

const nsOf: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
}

const piece = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy

/** Nanoseconds, null when it is not a duration as time.ParseDuration takes it. */
export function durationOf(text: string): number | null {
  const sign = text.startsWith('-') ? -1 : 1
  const body = /^[+-]/.test(text) ? text.slice(1) : text
  if (body === '0') return 0
  let sum = 0
  piece.lastIndex = 0
  let end = 0
  for (let found = piece.exec(body); found; found = piece.exec(body)) {
    sum += Number(found[1]) * (nsOf[found[2] as string] as number)
    end = piece.lastIndex
  }
  return end === body.length && end > 0 ? sign * Math.round(sum) : null
}

/** As Go prints a duration: `1h0m0s`, `2m30s`, `1.5s`, `250ms`, `0s`. */
export function durationText(ns: number): string {
  if (ns === 0) return '0s'
  if (ns < 0) return `-${durationText(-ns)}`
  if (ns < 1e3) return `${ns}ns`
  if (ns < 1e6) return `${trim(ns / 1e3)}µs`
  if (ns < 1e9) return `${trim(ns / 1e6)}ms`
  const hours = Math.floor(ns / 3600e9)
  const minutes = Math.floor((ns % 3600e9) / 60e9)
  const seconds = `${trim((ns % 60e9) / 1e9)}s`
  if (hours > 0) return `${hours}h${minutes}m${seconds}`
  return minutes > 0 ? `${minutes}m${seconds}` : seconds
}

function trim(value: number): string {
  return String(Number(value.toFixed(9)))
}
