// The program on stores that are not as they should be: it always starts (but for a newer schema),
// moves aside what is damaged, keeps what can be read, and says so in the log, on /healthz and on a
// subject. And --verify_store, which finds the same and changes nothing.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import Database from 'better-sqlite3'
import { connect } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { scratch } from '../support/directory.ts'
import { type Edge, edgeMain, startEdge } from '../support/edge.ts'
import { spec } from '../support/spec.ts'

const messages = 3000
const limitMs = 240_000

spec('peer/damaged-store', (it, hooks) => {
  let edge: Edge
  /** A good store, closed in order, and one that was killed. */
  let good = ''
  let killed = ''
  const storeOf = (): string => path.join(edge.dir, 'store', 'jetstream')

  hooks.before(async () => {
    edge = await startEdge({ jetstream: true, mqtt: true, monitor: true })
    const nc = await connect({ servers: edge.url })
    const create = JSON.stringify({ name: 'S', subjects: ['s.>'] })
    await nc.request('$JS.API.STREAM.CREATE.S', create)
    const durable = JSON.stringify({
      stream_name: 'S',
      config: { durable_name: 'D', ack_policy: 'explicit' },
    })
    await nc.request('$JS.API.CONSUMER.DURABLE.CREATE.S.D', durable)
    for (let i = 1; i < messages; i++) nc.publish(`s.${i % 10}`, `${i} `.repeat(60))
    await nc.request('s.0', 'last', { timeout: 20_000 })
    killed = scratch('killed')
    await edge.stop('SIGKILL')
    fs.cpSync(storeOf(), killed, { recursive: true })
    await edge.restart()
    await edge.stop()
    good = scratch('good')
    fs.cpSync(storeOf(), good, { recursive: true })
    await nc.close()
  })

  hooks.after(async () => {
    await edge?.stop()
  })

  const put = (from: string): string => {
    fs.rmSync(storeOf(), { recursive: true, force: true })
    fs.cpSync(from, storeOf(), { recursive: true })
    return path.join(storeOf(), 'store.db')
  }

  it(
    'starts on whatever stands in the place of its store, and says what is wrong',
    async () => {
      const size = fs.statSync(path.join(good, 'store.db')).size
      const spoil = (at: number, bytes: number) => (file: string) => {
        const fd = fs.openSync(file, 'r+')
        fs.writeSync(fd, Buffer.alloc(bytes, 0x5a), 0, bytes, at)
        fs.closeSync(fd)
      }
      /** Kind, what is done to the file, whether messages can be expected to survive. */
      const table: readonly (readonly [string, (file: string) => void, boolean])[] = [
        ['header', spoil(0, 16), false],
        ['first page', spoil(100, 900), false],
        ['zeros', file => fs.writeFileSync(file, Buffer.alloc(size)), false],
        ['empty', file => fs.writeFileSync(file, ''), false],
        ['text', file => fs.writeFileSync(file, 'hello, I am no database\n'.repeat(999)), false],
        ['cut in the middle', file => fs.truncateSync(file, Math.floor(size / 8192) * 4096), true],
        ['foreign', foreign, false],
      ]
      for (const [kind, damage, keeps] of table) {
        damage(put(good))
        await edge.restart()
        const lines = edge.process.output()
        const health = await healthOf(edge)
        // An empty file is a new store: nothing is wrong with it.
        const isWrong = kind !== 'empty'
        assert.is(health.status, isWrong ? 503 : 200, `${kind}: ${health.text}`)
        if (isWrong) {
          assert.match(
            lines,
            /JetStream store is damaged \(.*\), moved to .*store\.db\.damaged-/,
            kind,
          )
          assert.match(lines, /messages salvaged/, kind)
          assert.match(health.text, /salvaged/, kind)
          if (kind === 'header') assert.match(await problemOn(edge), /salvaged/, kind)
        }
        const count = await worksOn(edge)
        assert.ok(keeps ? count > 500 : count >= 0, `${kind}: ${count}`)
        await edge.stop()
        const aside = fs.readdirSync(storeOf()).filter(name => name.includes('.damaged-'))
        assert.is(aside.length > 0, isWrong, kind)
      }
    },
    limitMs,
  )

  it(
    'starts wherever bytes were flipped, and what it serves is what was stored or nothing',
    async () => {
      const size = fs.statSync(path.join(good, 'store.db')).size
      for (let n = 1; n <= 6; n++) {
        const file = put(good)
        const fd = fs.openSync(file, 'r+')
        const at = Math.floor((size / 7) * n)
        fs.writeSync(fd, Buffer.alloc(48, 0xa5), 0, 48, at)
        fs.closeSync(fd)
        await edge.restart()
        assert.ok((await worksOn(edge)) >= 0, `at ${at}`)
        assert.is((await edge.stop()).code, 0, `at ${at}`)
      }
    },
    limitMs,
  )

  it('refuses a newer schema, and leaves it as it is', async () => {
    const file = put(good)
    const db = new Database(file)
    db.pragma('user_version = 4711')
    db.close()
    const before = digest(storeOf())
    const started = await edge.restart().then(
      () => 'started',
      (error: Error) => error.message,
    )
    assert.match(
      started,
      /Can't start JetStream: store was written by a newer version \(schema 4711/,
    )
    assert.is(digest(storeOf()).get('store.db'), before.get('store.db'))
    const { lines, code } = verifyStore(edge)
    assert.match(lines, /written by a newer version/)
    assert.is(code, 1)
  })

  it('verifies a store that was closed, and one that was killed, and changes neither', () => {
    for (const [name, from] of [
      ['closed', good],
      ['killed', killed],
    ] as const) {
      put(from)
      const before = digest(storeOf())
      const { lines, code } = verifyStore(edge)
      assert.match(lines, /store .*store\.db is in order\n$/, name)
      assert.is(code, 0, name)
      const after = digest(storeOf())
      assert.equal([...after], [...before], name)
      assert.equal(fs.readdirSync(path.dirname(storeOf())), ['jetstream'], name)
    }
  })

  it('finds what is wrong, in the tables too', () => {
    const table: readonly (readonly [string, RegExp])[] = [
      [`DELETE FROM stream_state`, /S2/],
      [`UPDATE consumer SET floor_stream = delivered_stream + 5`, /C2/],
      [`INSERT INTO consumer_pending VALUES(4711, 1, '[]')`, /C3/],
      [`INSERT INTO mqtt_filter VALUES(99, 'a/b', 1)`, /M1/],
    ]
    for (const [sql, problem] of table) {
      const db = new Database(put(good))
      db.exec(sql)
      db.close()
      const { lines, code } = verifyStore(edge)
      assert.match(lines, problem, sql)
      assert.is(code, 1, sql)
    }
    fs.writeFileSync(put(good), 'no database')
    assert.match(verifyStore(edge).lines, /cannot be read: file is not a database/)
    fs.rmSync(storeOf(), { recursive: true })
    assert.match(verifyStore(edge).lines, /there is no store in/)
  })

  it('does not verify a store that is in use, nor start on one that is verified', async () => {
    put(good)
    await edge.restart()
    const { lines, code } = verifyStore(edge)
    assert.match(lines, /is in use by another process/)
    assert.is(code, 1)
    assert.ok((await worksOn(edge)) >= messages)
    await edge.stop()
  })

  it('starts on a store that it may not write', async () => {
    const file = put(good)
    fs.chmodSync(file, 0o400)
    // Root may write all the same; whoever may not is told why, and nothing is moved aside.
    const started = await edge.restart().then(
      () => 'started',
      (error: Error) => error.message,
    )
    assert.match(started, /started|Can't start JetStream|readonly/)
    if (started === 'started') assert.ok((await worksOn(edge)) >= messages)
    await edge.stop()
    assert.not.ok(fs.readdirSync(storeOf()).some(name => name.includes('.damaged-')))
  })
})

function foreign(file: string): void {
  fs.rmSync(file)
  const db = new Database(file)
  db.exec('CREATE TABLE theirs(a); INSERT INTO theirs VALUES(1)')
  db.close()
}

function verifyStore(edge: Edge): { lines: string; code: number | null } {
  const args = ['--disable-warning=ExperimentalWarning', edgeMain, '-c', edge.conf]
  const { stdout, stderr, status } = spawnSync(process.execPath, [...args, '--verify_store'], {
    encoding: 'utf8',
  })
  return { lines: stdout + stderr, code: status }
}

async function healthOf(edge: Edge): Promise<{ status: number; text: string }> {
  const answer = await fetch(`http://127.0.0.1:${edge.monitorPort}/healthz`)
  return { status: answer.status, text: await answer.text() }
}

/** What is told on the subject, each minute. */
async function problemOn(edge: Edge): Promise<string> {
  const nc = await connect({ servers: edge.url })
  try {
    return await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('nothing is told')), 90_000)
      nc.subscribe('$JS.EVENT.ADVISORY.STORE.PROBLEM', {
        callback: (_error, message) => {
          clearTimeout(timer)
          resolve(message.string())
        },
      })
    })
  } finally {
    await nc.close()
  }
}

/** Everything that is there can be read as it was stored, and it takes more; returns how many. */
async function worksOn(edge: Edge): Promise<number> {
  const nc = await connect({ servers: edge.url })
  try {
    const create = JSON.stringify({ name: 'S', subjects: ['s.>'] })
    await nc.request('$JS.API.STREAM.CREATE.S', create, { timeout: 10_000 })
    const info = await nc.request('$JS.API.STREAM.INFO.S')
    const { state } = info.json<{ state: { messages: number; last_seq: number } }>()
    for (let seq = 1; seq < messages; seq += 97) {
      const got = await nc.request('$JS.API.STREAM.MSG.GET.S', JSON.stringify({ seq }))
      const { message } = got.json<{ message?: { data?: string; subject: string } }>()
      if (!message) continue
      const text = Buffer.from(message.data ?? '', 'base64').toString()
      assert.ok(text === `${seq} `.repeat(60) || text.includes('\ufffd'), `${seq}: ${text}`)
    }
    const ack = await nc.request('s.new', 'x', { timeout: 10_000 })
    assert.ok(ack.json<{ seq: number }>().seq > 0)
    return state.messages
  } finally {
    await nc.close()
  }
}

function digest(dir: string): Map<string, string> {
  const digests = new Map<string, string>()
  for (const name of fs.readdirSync(dir).sort()) {
    if (name.endsWith('-shm')) continue
    const bytes = fs.readFileSync(path.join(dir, name))
    digests.set(name, createHash('sha256').update(bytes).digest('hex'))
  }
  return digests
}
