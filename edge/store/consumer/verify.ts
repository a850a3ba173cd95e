// The invariants of the consumers' tables (schema.ts) as a check; an empty answer: all hold. For
// tests and an operator's look, not for a running server.

import type { KeeperDb } from './keeper.ts'
import { chunkSize } from './pending.ts'

export function verifyConsumers(db: KeeperDb): string[] {
  const wrong: string[] = []
  const consumers = new Map<number, { readonly delivered: number; readonly floor: number }>()
  const rows = db.prepare(
    `SELECT id, name, delivered_consumer, delivered_stream, floor_consumer, floor_stream
       FROM consumer`,
  )
  for (const [id, name, consumerSeq, delivered, floorConsumer, floor] of rows.all()) {
    consumers.set(Number(id), { delivered: Number(delivered), floor: Number(floor) })
    if (Number(floor) > Number(delivered) || Number(floorConsumer) > Number(consumerSeq)) {
      wrong.push(`C2: floor of consumer ${name} is above what was delivered`)
    }
  }
  for (const row of db.prepare('SELECT consumer, chunk, entries FROM consumer_pending').all()) {
    const consumer = consumers.get(Number(row[0]))
    if (!consumer) {
      wrong.push(`C3: chunk of consumer ${row[0]}, which is not there`)
      continue
    }
    const numbers = JSON.parse(String(row[2])) as number[]
    for (let i = 0; i + 2 < numbers.length; i += 3) {
      const seq = Number(row[1]) * chunkSize + (numbers[i] as number)
      const isGivenUp = (numbers[i + 2] as number) < 0
      if (seq <= consumer.floor && !isGivenUp) wrong.push(`C3: ${seq} is not above the floor`)
      if (seq > consumer.delivered) wrong.push(`C4: ${seq} was not delivered`)
    }
  }
  return wrong
}
