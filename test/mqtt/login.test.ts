// MQTT logins: hashed passwords, which take their time, and users that may not come this way.

import * as assert from 'uvu/assert'
import { type Authorization, openToAll, type User } from '../../src/account/authenticate.ts'
import type { HashCheck } from '../../src/account/hashes.ts'
import { spec } from '../support/spec.ts'
import { type Peer, Talk } from './talk.ts'

const hash = `$2a$04$${'a'.repeat(53)}`

/** Answers when told to, and right only for `pw`. */
class SlowHashes implements HashCheck {
  readonly asked: { readonly isWaiting: () => boolean; readonly answer: () => void }[] = []

  check(_hash: string, offered: string, isWaiting: () => boolean): Promise<boolean> {
    return new Promise(resolve => {
      this.asked.push({ isWaiting, answer: () => resolve(offered === 'pw') })
    })
  }

  async answer(): Promise<void> {
    this.asked.shift()?.answer()
    await new Promise(setImmediate)
  }
}

function open(users: readonly User[], options = {}): { talk: Talk; hashes: SlowHashes } {
  const hashes = new SlowHashes()
  const byName = new Map(users.map(user => [user.name, user]))
  const authorization: Authorization = { ...openToAll, users: byName, hashes }
  return { talk: new Talk({ authorization, options }), hashes }
}

const user: User = { name: 'a', password: hash, account: '$G', permissions: null }
const login = (talk: Talk, password: string, clientId = 'c'): Peer =>
  talk.connect(clientId, { username: 'a', password: Buffer.from(password) })

spec('mqtt logins', it => {
  it('wait for the hash of a password, and what follows CONNECT waits too', async () => {
    const { talk, hashes } = open([user])
    const got = talk.listen('t')
    const peer = login(talk, 'pw')
    peer.expect()
    assert.ok(peer.isPaused)
    peer.publish('t', 'one', 1, 7)
    peer.send({ cmd: 'pingreq' })
    peer.expect()
    assert.equal(got, [])
    await hashes.answer()
    peer.expect('connack 0 new', 'puback #7', 'pingresp')
    assert.is(got.length, 1)
    assert.not.ok(peer.isPaused)
    peer.send({ cmd: 'pingreq' })
    peer.expect('pingresp')
  })

  it('with a wrong password do nothing of what followed', async () => {
    const { talk, hashes } = open([user])
    const got = talk.listen('t')
    const peer = login(talk, 'no')
    peer.publish('t', 'one')
    await hashes.answer()
    peer.expect('connack 5 new')
    assert.ok(peer.isClosed)
    assert.equal(got, [])
  })

  it('that take too long end with the timeout, and nobody waits for the hash', async () => {
    const { talk, hashes } = open([user])
    const peer = login(talk, 'pw')
    assert.ok(hashes.asked[0]?.isWaiting())
    talk.clock.advance(2000)
    assert.ok(peer.isClosed)
    assert.not.ok(hashes.asked[0]?.isWaiting())
    await hashes.answer()
    peer.expect()
    assert.is(talk.gateway.connections.size, 0)
    assert.is(talk.gateway.sessions.count, 0)
  })

  it('keep one MiB of what follows, not a byte more', async () => {
    for (const bytes of [1024 * 1024, 1024 * 1024 + 1]) {
      const { talk, hashes } = open([user])
      const peer = login(talk, 'pw')
      const pings = Buffer.alloc(bytes & ~1, Buffer.from([0xc0, 0]))
      peer.bytes(pings)
      if (bytes & 1) peer.bytes(Buffer.from([0xc0]))
      assert.is(peer.isClosed, bytes > 1024 * 1024)
      await hashes.answer()
      if (!peer.isClosed) assert.is(peer.lines().length, 1 + bytes / 2)
    }
  })

  it('do not undo the back-pressure of what followed CONNECT', async () => {
    const { talk, hashes } = open([user])
    const stream = talk.capture('t')
    const peer = login(talk, 'pw')
    for (let i = 1; i <= 8193; i++) peer.publish('t', '', 1, i)
    await hashes.answer()
    assert.is(stream.held, 8193)
    assert.ok(peer.isPaused)
    while (stream.held > 0) stream.release()
    assert.not.ok(peer.isPaused)
  })

  it('use the own user of the block, hashed or not', async () => {
    const own = { user: 'own', pass: hash, token: null, timeout: 2000 }
    const { talk, hashes } = open([user], { authorization: own })
    const peer = talk.connect('c', { username: 'own', password: Buffer.from('pw') })
    await hashes.answer()
    peer.expect('connack 0 new')
    login(talk, 'pw', 'd').expect('connack 5 new')
  })

  it('are refused to users of other ways, and to nkeys', () => {
    const types = (...names: ('MQTT' | 'MQTT_WS' | 'STANDARD')[]) => new Set(names)
    const base = { password: 'pw', account: '$G', permissions: null }
    const { talk } = open([
      { ...base, name: 'std', connectionTypes: types('STANDARD', 'MQTT_WS') },
      { ...base, name: 'both', connectionTypes: types('STANDARD', 'MQTT') },
      { ...base, name: 'UKEY', password: null },
    ])
    const answer = (username: string, password: string) =>
      talk.connect('c', { username, password: Buffer.from(password) }).lines()[0]
    assert.is(answer('std', 'pw'), 'connack 5 new')
    assert.is(answer('both', 'pw'), 'connack 0 new')
    assert.is(answer('UKEY', ''), 'connack 5 new')
    assert.is(answer('UKEY', 'null'), 'connack 5 new')
  })
})
