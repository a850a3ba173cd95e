// Sessions on the real store: what was acknowledged is there after the process died.

import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import * as assert from 'uvu/assert'
import { Db } from '../../edge/store/db.ts'
import { prepareSchema } from '../../edge/store/schema.ts'
import { sessionTables } from '../../edge/store/session-schema.ts'
import { sessionProblems, SessionStore } from '../../edge/store/session.ts'
import { Store } from '../../edge/store/store.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { Turn } from '../../src/base/turn.ts'
import { spec } from '../support/spec.ts'
import { Talk } from './talk.ts'

/** A commit group that a test takes through its steps. */
class Steps {
  sick: Error | null = null
  full = false
  readonly #db: Db
  readonly store: SessionStore

  constructor() {
    this.#db = new Db('')
    prepareSchema(this.#db, sessionTables)
    this.store = new SessionStore(this.#db, this)
  }

  touch(): void {}

  onDisk(done: () => void): void {
    done()
  }

  commit(): void {
    this.#db.exec('BEGIN')
    this.store.flush()
    this.#db.exec('COMMIT')
  }

  rollBack(): void {
    this.#db.exec('BEGIN')
    this.store.flush()
    this.#db.exec('ROLLBACK')
    this.store.undone()
  }

  /** The disk refuses a message in the middle of the group. */
  failAt(payload: string): void {
    const full = `SELECT raise(ABORT, 'full') WHERE new.payload = CAST('${payload}' AS BLOB)`
    this.#db.exec(`CREATE TEMP TRIGGER t BEFORE INSERT ON mqtt_queue BEGIN ${full}; END`)
    this.#db.exec('BEGIN')
    assert.throws(() => this.store.flush(), /full/)
    this.#db.exec('ROLLBACK')
    this.store.undone()
    this.#db.exec('DROP TRIGGER t')
  }

  exec(sql: string): void {
    this.#db.exec(sql)
  }

  /** What another process would find. */
  reopened(): SessionStore {
    assert.equal(sessionProblems(this.#db), [])
    return new SessionStore(this.#db, this)
  }

  rows(): number {
    return Number(this.#db.value('SELECT count(*) FROM mqtt_queue'))
  }
}

const text = (messages: readonly { payload: Buffer }[]) =>
  messages.map(m => `${m.payload}`).join('')

function append(store: SessionStore, id: number, ...texts: string[]): number[] {
  return texts.map(each => store.append(id, 't', Buffer.from(each), false))
}

spec('mqtt session store', it => {
  it('reads what was written before, in the database or not', () => {
    const steps = new Steps()
    const { store } = steps
    const id = store.createSession('$G', 'c')
    assert.equal(append(store, id, 'a', 'b', 'c'), [1, 2, 3])
    assert.is(text(store.read(id, 0, 10)), 'abc')
    steps.commit()
    append(store, id, 'd', 'e')
    assert.is(text(store.read(id, 0, 10)), 'abcde')
    assert.is(text(store.read(id, 1, 3)), 'bcd')
    store.remove(id, 2)
    store.remove(id, 4)
    assert.is(text(store.read(id, 0, 10)), 'ace')
    assert.is(text(store.read(id, 0, 2)), 'ac')
    steps.commit()
    assert.is(text(store.read(id, 0, 10)), 'ace')
    assert.is(steps.rows(), 3)
  })

  it('never writes what came and went within one group', () => {
    const steps = new Steps()
    const id = steps.store.createSession('$G', 'c')
    append(steps.store, id, 'a', 'b')
    steps.store.remove(id, 1)
    steps.commit()
    assert.is(steps.rows(), 1)
  })

  it('comes back with filters, identifiers, queue and retained messages', () => {
    const steps = new Steps()
    const { store } = steps
    const id = store.createSession('$G', 'c')
    store.createSession('other', 'c')
    store.subscribe(id, 'a/#', 1)
    store.subscribe(id, 'b', 1)
    store.subscribe(id, 'b', 0)
    store.subscribe(id, 'c', 1)
    store.unsubscribe(id, 'c')
    store.receive(id, 7)
    store.receive(id, 8)
    store.release(id, 8)
    append(store, id, 'abc', 'é')
    store.retain({ account: '$G', topic: 'r', qos: 1, payload: Buffer.from('1') })
    store.retain({ account: '$G', topic: 'r', qos: 0, payload: Buffer.from('2') })
    store.retain({ account: '$G', topic: 's', qos: 0, payload: Buffer.from('3') })
    store.retain({ account: '$G', topic: 's', qos: 0, payload: Buffer.alloc(0) })
    steps.commit()
    const again = steps.reopened()
    const filters = [
      { filter: 'a/#', qos: 1 },
      { filter: 'b', qos: 0 },
    ]
    const none = { filters: [], received: [], messages: 0, bytes: 0, lastSeq: 0 }
    assert.equal(again.sessions(), [
      {
        id,
        account: '$G',
        clientId: 'c',
        filters,
        received: [7],
        messages: 2,
        bytes: 7,
        lastSeq: 2,
      },
      { id: id + 1, account: 'other', clientId: 'c', ...none },
    ])
    assert.equal(again.retained(), [
      { account: '$G', topic: 'r', qos: 0, payload: Buffer.from('2') },
    ])
    assert.is(again.createSession('$G', 'new'), id + 2)
  })

  it('forgets a deleted session whole, and a new one may have its client id', () => {
    const steps = new Steps()
    const { store } = steps
    const old = store.createSession('$G', 'c')
    store.subscribe(old, 'a', 1)
    store.receive(old, 1)
    append(store, old, 'a', 'b')
    steps.commit()
    append(store, old, 'c')
    store.deleteSession(old)
    assert.equal(store.read(old, 0, 10), [])
    const id = store.createSession('$G', 'c')
    append(store, id, 'x')
    steps.commit()
    const [session, ...others] = steps.reopened().sessions()
    assert.equal(others, [])
    assert.equal([session?.id, session?.messages, session?.filters], [id, 1, []])
  })

  it('writes a group that was rolled back with the next one', () => {
    const steps = new Steps()
    const { store } = steps
    const id = store.createSession('$G', 'c')
    store.subscribe(id, 'a', 1)
    append(store, id, 'a', 'b', 'c')
    steps.rollBack()
    assert.is(text(store.read(id, 0, 10)), 'abc')
    append(store, id, 'd')
    store.remove(id, 2)
    assert.is(text(store.read(id, 0, 10)), 'acd')
    steps.commit()
    assert.is(text(store.read(id, 0, 10)), 'acd')
    store.remove(id, 1)
    steps.rollBack()
    assert.is(text(store.read(id, 0, 10)), 'cd')
    steps.commit()
    assert.is(steps.rows(), 2)
    assert.is(steps.reopened().sessions()[0]?.filters.length, 1)
  })

  it('loses and miscounts nothing when the disk fills up in the middle of a group', () => {
    const steps = new Steps()
    const { store } = steps
    const [one, two] = [store.createSession('$G', 'one'), store.createSession('$G', 'two')]
    append(store, one, 'a', 'b')
    steps.commit()
    store.synced()
    store.subscribe(two, 'a', 1)
    append(store, one, 'c')
    store.remove(one, 1)
    append(store, two, 'x', 'y')
    steps.failAt('y')
    assert.is(text(store.read(one, 0, 10)), 'bc')
    assert.is(text(store.read(two, 0, 10)), 'xy')
    steps.commit()
    store.synced()
    assert.is(steps.rows(), 4)
    assert.equal(
      steps
        .reopened()
        .sessions()
        .map(({ messages, filters }) => [messages, filters.length]),
      [
        [2, 0],
        [2, 1],
      ],
    )
    for (const [id, seq] of [
      [one, 2],
      [one, 3],
    ] as const)
      store.remove(id, seq)
    assert.is(text(store.read(one, 0, 10)), '')
    append(store, one, 'd')
    assert.is(text(store.read(one, 0, 10)), 'd')
  })

  it('reads what is stored after a group that failed in the middle, without a message', () => {
    const steps = new Steps()
    const { store } = steps
    const id = store.createSession('$G', 'c')
    append(store, id, 'a', 'b')
    steps.commit()
    store.synced()
    append(store, id, 'z')
    store.remove(id, 1)
    steps.failAt('z')
    store.remove(id, 3)
    assert.is(text(store.read(id, 0, 10)), 'b')
  })

  it('writes nothing again that is on disk, after a group that was rolled back', () => {
    const steps = new Steps()
    const { store } = steps
    store.retain({ account: '$G', topic: 'r', qos: 1, payload: Buffer.from('1') })
    steps.rollBack()
    steps.commit()
    store.synced()
    steps.exec('DELETE FROM mqtt_retained')
    store.undone()
    steps.commit()
    assert.equal(steps.reopened().retained(), [])
  })

  it('does not double what was committed although its fsync failed', () => {
    const steps = new Steps()
    const { store } = steps
    const id = store.createSession('$G', 'c')
    append(store, id, 'a', 'b')
    steps.commit()
    store.undone()
    assert.is(text(store.read(id, 0, 10)), 'ab')
    store.remove(id, 1)
    assert.is(text(store.read(id, 0, 10)), 'b')
    steps.commit()
    assert.is(steps.rows(), 1)
  })

  it('takes no message while the disk does not, and takes them again', () => {
    const steps = new Steps()
    const { store } = steps
    const id = store.createSession('$G', 'c')
    steps.sick = new Error('ENOSPC')
    assert.equal(append(store, id, 'a'), [0])
    steps.sick = null
    steps.full = true
    assert.equal(append(store, id, 'a'), [0])
    steps.full = false
    assert.equal(append(store, id, 'a'), [1])
  })
})

spec('mqtt on the store', (it, hooks) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mqtt-store-'))
  hooks.after(() => fs.rmSync(dir, { recursive: true }))

  async function open(name: string): Promise<{ store: Store; talk: Talk }> {
    const turn = new Turn()
    const options = { log: silentLog, clock: new FakeClock(), turn, tables: sessionTables }
    const store = new Store({ dir: path.join(dir, name), ...options })
    await store.start()
    return { store, talk: new Talk({ keeper: new SessionStore(store.db, store.commit), turn }) }
  }

  const onDisk = (store: Store) => new Promise(done => store.durable.onDisk(done))

  it('delivers after the process died what was acknowledged before', async () => {
    const first = await open('a')
    const kept = { clean: false }
    const sub = first.talk.connect('s', kept)
    sub.subscribe('t', 1)
    await onDisk(first.store)
    sub.expect('connack 0 new', 'suback #1 1')
    sub.cut()
    const pub = first.talk.connect('p')
    for (let i = 1; i <= 100; i++) pub.publish('t', `${i}`, 1, i)
    pub.publish('r', 'retained', 1, 101, true)
    pub.expect('connack 0 new')
    await onDisk(first.store)
    assert.is(pub.lines().length, 101)
    // As the files are now, without a close: kill -9.
    fs.cpSync(path.join(dir, 'a'), path.join(dir, 'b'), { recursive: true })
    await first.store.close()

    const second = await open('b')
    const back = second.talk.connect('s', kept)
    const lines = back.lines()
    assert.is(lines.length, 101)
    assert.is(lines[1], 't q1 #1 dup 1')
    assert.is(lines[100], 't q1 #100 dup 100')
    for (let i = 1; i <= 100; i++) back.send({ cmd: 'puback', messageId: i })
    back.subscribe('r')
    await onDisk(second.store)
    back.expect('suback #1 0', 'r q0 retain retained')
    fs.cpSync(path.join(dir, 'b'), path.join(dir, 'c'), { recursive: true })
    await second.store.close()

    const third = await open('c')
    third.talk.connect('s', kept).expect('connack 0 present')
    assert.equal(sessionProblems(third.store.db), [])
    await third.store.close()
  })
})
