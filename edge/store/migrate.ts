// From schema 1, a row a message, to blocks. Part of the one transaction that migrates.

import { Blocks } from './blocks.ts'
import type { Db } from './db.ts'
import { Draft } from './draft.ts'
import { idOf, seqOf } from './ids.ts'

const pageRows = 1024

export function migrateToBlocks(db: Db): void {
  const blocks = new Blocks(db)
  const streams = db.prepare(
    `SELECT s.id, t.keyed, json_extract(s.config, '$.max_msgs_per_subject') FROM stream s
       JOIN stream_state t ON t.stream = s.id`,
  )
  for (const [id, keyed, perSubject] of streams.all()) {
    packStream(db, blocks, Number(id), Number(perSubject) > 0, keyed === 1)
  }
}

function packStream(db: Db, blocks: Blocks, id: number, isSplit: boolean, keyed: boolean): void {
  const read = db.prepare(
    `SELECT id, subject, time, headers, payload FROM message WHERE id > ? AND id < ?
       ORDER BY id LIMIT ${pageRows}`,
  )
  const lastOf = new Map<number, number>()
  const draft = new Draft()
  const write = (): void => {
    if (draft.count === 0) return
    const block = draft.block(idOf(id, 0))
    if (!isSplit) blocks.insert(block, false)
    for (let i = 0; isSplit && i < block.count; i++) blocks.insertSingly(block, i, keyed)
    draft.clear()
  }
  for (let after = idOf(id, 0); ; ) {
    const rows = read.all(after, idOf(id + 1, 0))
    for (const [key, subject, time, headers, payload] of rows) {
      const seq = seqOf(Number(key))
      const head = Buffer.isBuffer(headers) ? headers : nothing
      const body = Buffer.isBuffer(payload) ? payload : nothing
      const timeUs = Number(time)
      if (!draft.takes(seq, timeUs, head.length + body.length)) write()
      const previous = lastOf.get(Number(subject)) ?? 0
      draft.add(seq, Number(subject), timeUs, head, body, previous)
      lastOf.set(Number(subject), seq)
      after = Number(key)
    }
    if (rows.length < pageRows) break
  }
  write()
}

const nothing = Buffer.alloc(0)
