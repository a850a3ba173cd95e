// T1 of schema.ts as a check: every message that has a time of its own has its row. An empty
// answer: it holds. Reads the whole stream, whose changes must be in the database: for tests and
// an operator's look, not for a running server.

import type { Db } from '../db.ts'
import { publishOptions } from '../publish-headers.ts'
import type { StoreStream } from '../stream.ts'
import { kinds, rowOf } from './schema.ts'
import { scheduleOf } from './schedule.ts'

const messagesAtOnce = 256

export function verifyTimed(stream: StoreStream, db: Db): string[] {
  const wrong: string[] = []
  const { allow_msg_ttl, allow_msg_schedules, name } = stream.config
  if (!allow_msg_ttl && !allow_msg_schedules) return wrong
  const find = db.prepare(rowOf)
  // Messages from before are still being searched.
  if (find.get(stream.id, kinds.search, 0) !== undefined) return wrong
  for (let from = 1; ; ) {
    const batch = stream.batch([], from, messagesAtOnce)
    for (const { seq, subject, headers } of batch) {
      from = seq + 1
      if (headers.length === 0) continue
      const { ttl = 0, schedule } = publishOptions(headers, 0, headers.length)
      if (allow_msg_ttl && ttl > 0 && !find.get(stream.id, kinds.ttl, seq)) {
        wrong.push(`T1: message ${seq} of ${name} has a TTL and no row`)
      }
      const found = schedule === undefined ? null : scheduleOf(schedule)
      const isSchedule = allow_msg_schedules && found !== null && !('err_code' in found)
      if (!isSchedule || stream.lastSeqOf(subject) !== seq) continue
      if (!find.get(stream.id, kinds.schedule, seq)) {
        wrong.push(`T1: message ${seq} of ${name} is a schedule and has no row`)
      }
    }
    if (batch.length === 0) return wrong
  }
}
