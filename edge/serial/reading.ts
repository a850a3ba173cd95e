// A frame as a message: its bytes, or JSON with the time of its first byte.
//
//   {"time":"2026-11-23T04:05:06.789Z","port":"gps","data":"$GPRMC,…"}
//   {"time":"…","port":"meter","data":"tWIBAg==","encoding":"base64"}
//
// `data` is text when the frame is valid UTF-8, else base64, and then `encoding` says so. Control
// characters are escaped, so that a reading stays on one line of a log or a file.

import { isUtf8 } from 'node:buffer'

export type Output = 'raw' | 'json'

/** The payload; for `raw` the frame itself, a view. */
export function readingOf(frame: Buffer, output: Output, port: string, firstMs: number): Buffer {
  return output === 'raw' ? frame : Buffer.from(jsonOf(frame, port, firstMs))
}

function jsonOf(frame: Buffer, port: string, firstMs: number): string {
  const time = timeText(firstMs)
  if (!isUtf8(frame)) {
    return JSON.stringify({ time, port, data: frame.toString('base64'), encoding: 'base64' })
  }
  return JSON.stringify({ time, port, data: frame.toString('utf8') }).replace(control, escaped)
}

/** RFC 3339, UTC, milliseconds. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString()
}

/** What JSON.stringify leaves as it is: DEL, the C1 controls and Unicode's line ends. */
const control = /[\x7f-\x9f\u2028\u2029]/g

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
