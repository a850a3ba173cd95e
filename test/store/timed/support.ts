// What the tests of timed messages share: streams whose markers and scheduled messages have a way
// in, and a clock that moves while what falls due is done and written.

import type { Appended, AppendOptions, StreamConfig } from '../../../edge/store/shapes.ts'
import type { StoreStream } from '../../../edge/store/stream.ts'
import { publishOptions } from '../../../edge/store/publish-headers.ts'
import { FakeClock } from '../../../src/base/clock.ts'
import type { TestStore } from '../support.ts'

export const secondMs = 1000
export const hourMs = 3_600_000
export const yearMs = 365 * 24 * hourMs

type Headers = Readonly<Record<string, string>>

export function block(headers: Headers): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(lines.length === 0 ? '' : `NATS/1.0\r\n${lines.join('')}\r\n`)
}

/** Publishes as a client does. */
export function publish(
  stream: StoreStream,
  subject: string,
  headers: Headers = {},
  payload = 'x',
  more: AppendOptions = {},
): Appended {
  const bytes = block(headers)
  const options = { ...publishOptions(bytes, 0, bytes.length), ...more }
  return stream.append({ subject, headers: bytes, payload: Buffer.from(payload) }, options)
}

/** The error's number, or 0. */
export function codeOf(appended: Appended): number {
  return appended.is === 'refused' ? appended.error.err_code : 0
}

/** A stream with its way in, as an account gives it. */
export function open(test: TestStore, more: Partial<StreamConfig> & { name: string }): StoreStream {
  return withOutlet(test.stream({ allow_msg_ttl: true, allow_rollup_hdrs: true, ...more }))
}

/** The same one after the store was opened again. */
export function reopened(test: TestStore, name: string): StoreStream {
  const stream = test.store.stream('$G', name)
  if (!stream) throw new Error(`${name} is gone`)
  return withOutlet(stream)
}

function withOutlet(stream: StoreStream): StoreStream {
  stream.outlet = { append: (message, options) => stream.append(message, options) }
  return stream
}

/** Lets time pass; what is due meanwhile is done, and on disk. */
export async function pass(test: TestStore, ms: number): Promise<void> {
  test.clock.advance(ms)
  await settled(test)
}

/** Slices follow one another until nothing is left to do. */
export async function settled(test: TestStore, rounds = 8): Promise<void> {
  for (let i = 0; i < rounds; i++) {
    await test.onDisk()
    test.clock.advance(1)
  }
  await test.onDisk()
}

/** `seq subject` of all messages. */
export function held(stream: StoreStream): readonly string[] {
  return stream.batch([], 1, 1000).map(({ seq, subject }) => `${seq} ${subject}`)
}

/** Rows of timed in the database. */
export function rowsOf(test: TestStore): number {
  return Number(test.store.db.value('SELECT count(*) FROM timed'))
}

/** A board without a real-time clock. */
export const in1970 = (): FakeClock => new FakeClock(1000)
