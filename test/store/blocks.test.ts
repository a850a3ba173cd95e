// Blocks: their shape byte by byte, what goes from them, and the ways to find a subject in them.

import * as fs from 'node:fs'
import * as path from 'node:path'
import * as assert from 'uvu/assert'
import { Block, bodyBytesMax, bytesOf, entriesMax, shapeProblem } from '../../edge/store/block.ts'
import { Db } from '../../edge/store/db.ts'
import { compacted, Draft } from '../../edge/store/draft.ts'
import { fileName } from '../../edge/store/salvage.ts'
import { idOf } from '../../edge/store/ids.ts'
import { prepareSchema } from '../../edge/store/schema.ts'
import type { StoreStream } from '../../edge/store/stream.ts'
import { spec } from '../support/spec.ts'
import { TestStore, none, put } from './support.ts'

const of = (text: string) => Buffer.from(text)

function draft(rows: readonly (readonly [seq: number, subject: number, body: string])[]): Draft {
  const made = new Draft()
  const last = new Map<number, number>()
  for (const [seq, subject, body] of rows) {
    made.add(seq, subject, 1000 + seq, of('H'), of(body), last.get(subject) ?? 0)
    last.set(subject, seq)
  }
  return made
}

spec('block', it => {
  it('has the bytes that its header draws', () => {
    const made = draft([
      [7, 3, 'ab'],
      [9, 4, ''],
      [10, 3, 'c'],
    ])
    const block = made.block(idOf(2, 0))
    assert.is(block.id, idOf(2, 7))
    assert.is(bytesOf(block.subjects).toString('hex'), '030000000400000003000000')
    assert.is(
      bytesOf(block.heads).toString('hex'),
      '00000100 00000000 03000000 00000000'.replaceAll(' ', '') +
        '02000100 02000000 04000000 00000000'.replaceAll(' ', '') +
        '03000100 03000000 06000000 03000000'.replaceAll(' ', ''),
    )
    assert.is(block.bodies.toString(), 'HabHHc')
    assert.is(shapeProblem(block), null)
    assert.equal(
      [0, 1, 2].map(i => [block.seq(i), block.time(i), block.previous(i)]),
      [
        [7, 1007, 0],
        [9, 1009, 0],
        [10, 1010, 7],
      ],
    )
    assert.equal(
      [6, 7, 8, 9, 11].map(seq => block.indexOf(seq)),
      [-1, 0, -1, 1, -1],
    )
    const message = block.message(2, 's.a')
    assert.is(message.payload.toString(), 'c')
    assert.is(message.headers.toString(), 'H')
  })

  it('takes so many messages, so many bytes, so wide a span, and no more', () => {
    const full = new Draft()
    for (let seq = 1; seq <= entriesMax; seq++) {
      assert.ok(full.takes(seq, 1000 + seq, 1), `${seq}`)
      full.add(seq, 1, 1000 + seq, none, of('x'), 0)
    }
    assert.not(full.takes(entriesMax + 1, 9999, 1))
    const wide = draft([[1, 1, 'x']])
    assert.ok(wide.takes(1 + 0xffff, 2000, 1))
    assert.not(wide.takes(2 + 0xffff, 2000, 1))
    assert.ok(wide.takes(2, 1001 + 0xffffffff, 1))
    assert.not(wide.takes(2, 1002 + 0xffffffff, 1))
    assert.not(wide.takes(2, 1000, 1), 'earlier than the first')
    assert.ok(wide.takes(2, 2000, bodyBytesMax - 2))
    assert.not(wide.takes(2, 2000, bodyBytesMax - 1))
    assert.ok(new Draft().takes(1, 1, 10 * bodyBytesMax), 'a long one has a block of its own')
  })

  it('marks what goes, and is written smaller without it', () => {
    const block = draft([
      [1, 5, 'one'],
      [2, 6, 'two'],
      [3, 5, 'three'],
    ]).block(0)
    block.markGone(1)
    block.markGone(1)
    assert.is(block.live, 2)
    assert.is(shapeProblem(block), null)
    assert.is(block.liveBodyBytes(), 'HoneHthree'.length)
    const smaller = compacted(block)
    assert.equal([smaller.count, smaller.seq(1), smaller.previous(1)], [2, 3, 1])
    assert.is(smaller.bodies.toString(), 'HoneHthree')
  })

  it('is told from what cannot be right', () => {
    const good = () =>
      draft([
        [1, 5, 'one'],
        [2, 6, 'two'],
      ]).block(0)
    const broken = (change: (block: Block) => void, more: Partial<Block> = {}) => {
      const block = good()
      change(block)
      return shapeProblem(new Block({ ...block, ...more } as Block))
    }
    assert.is(
      broken(() => {}),
      null,
    )
    assert.is(
      broken(block => block.heads.set([0], 4)),
      'its sequences',
    )
    assert.is(
      broken(block => block.heads.set([99], 4)),
      'its sequences',
    )
    assert.is(
      broken(block => block.heads.set([0], 2)),
      'its bodies',
    )
    assert.is(
      broken(block => block.heads.set([999], 6)),
      'its bodies',
    )
    assert.is(
      broken(() => {}, { bodies: of('short') } as never),
      'its bodies',
    )
    assert.is(
      broken(() => {}, { live: 1 } as never),
      'what is gone',
    )
    assert.is(
      broken(() => {}, { lastSeq: 9 } as never),
      'its sequences',
    )
  })
})

/** 40 subjects in turn, in several groups; some go from the middle. */
async function filled(more: object = {}): Promise<{ test: TestStore; stream: StoreStream }> {
  const test = await TestStore.start()
  const stream = test.stream({ name: 's', ...more })
  for (let i = 1; i <= 4000; i++) {
    put(stream, `s.${i % 40}`, `${i}`)
    if (i % 700 === 0) await test.onDisk()
  }
  for (let seq = 100; seq < 4000; seq += 37) stream.remove(seq)
  await test.onDisk()
  return { test, stream }
}

spec('finding in blocks', it => {
  for (const limit of [-1, 1000]) {
    it(`what a scan finds is found by every way, ${limit > 0 ? 'with' : 'without'} an index`, async () => {
      const { test, stream } = await filled({ max_msgs_per_subject: limit })
      const all = stream.batch([], 1, 9999)
      assert.is(all.length, stream.state().messages)
      for (const filter of ['s.0', 's.7', 's.39', 's.*', 's.none']) {
        const matching = all.filter(({ subject }) => filter === 's.*' || subject === filter)
        for (const from of [1, 99, 100, 101, 1999, 2500, 3999, 4000, 4001]) {
          const seqs = matching.map(({ seq }) => seq).filter(seq => seq >= from)
          assert.is(stream.count([filter], from), seqs.length, `${filter} from ${from}`)
          assert.is(stream.next([filter], from)?.seq, seqs[0], `${filter} from ${from}`)
          assert.equal(
            stream.batch([filter], from, 50).map(({ seq }) => seq),
            seqs.slice(0, 50),
          )
        }
        const last = matching.at(-1)
        assert.is(stream.last(filter)?.seq, last?.seq, filter)
        if (!filter.includes('*')) assert.is(stream.lastSeqOf(filter), last?.seq ?? 0)
      }
      await test.done()
    })
  }

  it('the last of a subject goes: the one before it is the last', async () => {
    const { test, stream } = await filled()
    for (let left = stream.count(['s.7'], 1); left > 1; left--) {
      const seqs = stream.batch(['s.7'], 1, 999).map(({ seq }) => seq)
      assert.is(stream.remove(seqs.at(-1) ?? 0), true)
      assert.is(stream.lastSeqOf('s.7'), seqs.at(-2))
      if (left % 9 === 0) await test.onDisk()
    }
    await test.reopen()
    assert.is(test.store.stream('$G', 's')?.last('s.7')?.payload.toString(), '7')
    await test.done()
  })

  it('a number that a purged stream had is used again, and nothing of it is seen', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's' })
    for (let life = 1; life <= 6; life++) {
      for (let i = 0; i < 100; i++) put(stream, 's.a', `${life}`)
      await test.onDisk()
      assert.equal(new Set(stream.batch([], 1, 99).map(one => one.payload.toString())).size, 1)
      assert.is(stream.purge({}), 100)
      // Swept up by then.
      for (let turns = 0; turns < 5; turns++) await test.onDisk()
    }
    assert.ok(stream.data <= 3, `${stream.data}`)
    await test.done()
  })

  it('rows can be read by anybody with sqlite3', async () => {
    const { test, stream } = await filled()
    const rows = test.store.db.prepare('SELECT seq, subject, payload FROM messages ORDER BY seq')
    const seen = rows.all().map(row => row.join(' '))
    const own = stream.batch([], 1, 9999).map(one => `${one.seq} ${one.subject} ${one.payload}`)
    assert.equal(seen, own)
    await test.done()
  })

  it('erased bytes are overwritten where they stood', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's' })
    for (const text of ['keep-me-1', 'SECRET-IN-THE-MIDDLE', 'keep-me-2']) put(stream, 's.a', text)
    const alone = test.stream({ name: 'k', max_msgs_per_subject: 5 })
    put(alone, 'k.a', 'SECRET-OF-A-KEY')
    await test.onDisk()
    assert.is(stream.remove(2, true), true)
    assert.is(alone.remove(1, true), true)
    await test.onDisk()
    await test.store.close()
    const file = fs.readFileSync(path.join(test.dir, fileName))
    assert.ok(file.includes('keep-me-2'))
    assert.not(file.includes('SECRET'))
    await test.reopen()
    await test.done()
  })
})

spec('purging by steps', it => {
  it('lets others publish meanwhile, and spares what they publish', async () => {
    const { test, stream } = await filled()
    const before = stream.batch(['s.7'], 1, 9999).length
    const others = stream.messages - before
    let isDone = false
    const purging = stream.purgeGently({ filter: 's.7' }).finally(() => {
      isDone = true
    })
    let published = 0
    while (!isDone) {
      put(stream, 's.7', 'new')
      published++
      await test.onDisk()
    }
    assert.is(await purging, before)
    assert.ok(published > 1, `${published} came meanwhile`)
    assert.is(stream.messages, others + published)
    assert.ok(stream.batch(['s.7'], 1, 9999).every(one => one.payload.toString() === 'new'))
    await test.done()
  })
})

spec('sweeping', it => {
  it('room comes back to the disk after a purge, a little with each group', async () => {
    const test = await TestStore.start({ walBytesMax: 1024 * 1024 })
    const stream = test.stream({ name: 's' })
    for (let i = 0; i < 1200; i++) {
      put(stream, 's.a', 'x'.repeat(32_000))
      if (i % 50 === 0) await test.onDisk()
    }
    await test.onDisk()
    const full = test.store.db.fileBytes()
    assert.ok(full > 36_000_000, `${full}`)
    stream.purge({})
    await test.onDisk()
    assert.ok(test.store.db.fileBytes() >= 0.9 * full, 'not all in one go')
    for (let turns = 0; turns < 400 && test.store.db.fileBytes() > full / 2; turns++) {
      put(stream, 's.b', 'y'.repeat(20_000))
      await test.onDisk()
    }
    assert.ok(test.store.db.fileBytes() < full / 2, `${test.store.db.fileBytes()} of ${full}`)
    await test.done()
  })

  it('goes on after a restart', async () => {
    const test = await TestStore.start()
    const stream = test.stream({ name: 's' })
    for (let i = 0; i < 5000; i++) put(stream, `s.${i}`, 'x'.repeat(500))
    await test.onDisk()
    stream.purge({})
    await test.onDisk()
    await test.reopen()
    const left = () => Number(test.store.db.value('SELECT count(*) FROM garbage'))
    for (let turns = 0; turns < 100 && left() > 0; turns++) await test.onDisk()
    assert.is(left(), 0)
    assert.is(test.store.db.value('SELECT count(*) FROM block'), 0)
    assert.is(test.store.db.value('SELECT count(*) FROM subject'), 0)
    await test.done()
  })
})

spec('schema 1', it => {
  it('becomes blocks in one transaction, message by message', async () => {
    const test = await TestStore.start()
    await test.store.close()
    const file = path.join(test.dir, fileName)
    fs.rmSync(file)
    const db = new Db(file)
    prepareSchema(db, [], 1)
    const state = db.prepare('INSERT INTO stream_state VALUES(?, ?, ?, ?, ?, ?, ?, ?)')
    const config = (name: string, perSubject: number) =>
      JSON.stringify({
        ...{ name, subjects: [`${name}.>`], retention: 'limits', storage: 'file', max_age: 0 },
        ...{ max_msgs: -1, max_bytes: -1, max_msg_size: -1, max_msgs_per_subject: perSubject },
        ...{ discard: 'old', duplicate_window: 120_000_000_000, consumer_limits: {} },
      })
    for (const [id, name, perSubject] of [
      [1, 'log', -1],
      [2, 'kv', 5],
    ] as const) {
      db.prepare('INSERT INTO stream VALUES(?, ?, ?, ?, ?)').run(
        ...[id, '$G', name, 1, config(name, perSubject)],
      )
      const keyed = perSubject > 1 ? 1 : 0
      let bytes = 0
      for (let n = 0; n < 3; n++) {
        const subject = 10 * id + n
        const count = n === 0 ? 334 : 333
        db.prepare('INSERT INTO subject VALUES(?, ?, ?, ?, ?)').run(
          ...[subject, id, `${name}.${n}`, count, 998 + n === 998 ? 1000 : 997 + n],
        )
      }
      for (let seq = 1; seq <= 1000; seq++) {
        const n = (seq - 1) % 3
        const body = Buffer.from(`${name} ${seq}`)
        db.prepare('INSERT INTO message VALUES(?, ?, ?, ?, ?, ?)').run(
          ...[idOf(id, seq), 10 * id + n, 1000 + seq, keyed, null, body],
        )
        bytes += 30 + `${name}.${n}`.length + body.length
      }
      state.run(id, 1, 1000, 1000, bytes, 3, 2000, keyed)
    }
    db.close()
    await test.reopen()
    assert.equal(test.store.problems, [])
    for (const name of ['log', 'kv']) {
      const stream = test.store.stream('$G', name)
      assert.ok(stream)
      assert.is(stream.batch([], 1, 9999).length, 1000)
      assert.is(stream.get(500)?.payload.toString(), `${name} 500`)
      assert.is(stream.count([`${name}.1`], 501), 166)
    }
    put(test.store.stream('$G', 'log') as StoreStream, 'log.1', 'and on')
    await test.done()
  })
})
