import * as assert from 'uvu/assert'
import {
  authenticate,
  type Identity,
  openToAll,
  type User,
} from '../../src/account/authenticate.ts'
import { Permissions } from '../../src/account/permissions.ts'
import { ReplyPermissions } from '../../src/account/replies.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { spec } from '../support/spec.ts'

const lists = {
  publishAllow: null,
  publishDeny: [],
  subscribeAllow: null,
  subscribeDeny: [],
}

spec('permissions', it => {
  it('allows what is allowed and not denied', () => {
    const p = new Permissions({ ...lists, publishAllow: ['a.>', 'b'], publishDeny: ['a.x'] })
    for (const [subject, may] of [
      ['a.b', true],
      ['a.x', false],
      ['b', true],
      ['c', false],
    ] as const) {
      assert.is(p.mayPublish(subject), may, subject)
      assert.is(p.mayPublish(subject), may, `${subject} remembered`)
    }
  })

  it('lets a wildcard overlap a deny, and filters what it receives', () => {
    const p = new Permissions({ ...lists, subscribeDeny: ['a.secret', 'z.>'] })
    assert.ok(p.maySubscribe('a.*', ''))
    assert.not.ok(p.maySubscribe('a.secret', ''))
    assert.not.ok(p.maySubscribe('z.y.x', ''))
    assert.ok(p.needsFilter('a.*'))
    assert.not.ok(p.needsFilter('b.*'))
    assert.not.ok(p.mayReceive('a.secret'))
    assert.ok(p.mayReceive('a.open'))
  })

  it('allows a queue entry to its queue only', () => {
    const p = new Permissions({ ...lists, subscribeAllow: ['q.s g1', 'p.>', 'w q.*'] })
    assert.ok(p.maySubscribe('q.s', 'g1'))
    assert.not.ok(p.maySubscribe('q.s', 'g2'))
    assert.not.ok(p.maySubscribe('q.s', ''))
    assert.ok(p.maySubscribe('p.x', 'any'))
    assert.ok(p.maySubscribe('w', 'q.7'))
  })

  it('lets a service answer what it was asked, so often and so long', () => {
    const clock = new FakeClock()
    const user = new Permissions({ ...lists, publishAllow: [] })
    const p = new ReplyPermissions(user, { max: 2, expiresMs: 1000 }, clock)
    assert.not.ok(p.mayPublish('inbox.1'))
    p.received('inbox.1')
    assert.ok(p.mayPublish('inbox.1'))
    assert.ok(p.mayPublish('inbox.1'))
    assert.not.ok(p.mayPublish('inbox.1'))
    p.received('inbox.2')
    clock.advance(1001)
    assert.not.ok(p.mayPublish('inbox.2'))
  })

  it('remembers a bounded number of questions', () => {
    const user = new Permissions({ ...lists, publishAllow: [] })
    const p = new ReplyPermissions(user, { max: 1, expiresMs: -1 }, new FakeClock())
    for (let i = 0; i <= 8192; i++) p.received(`inbox.${i}`)
    assert.not.ok(p.mayPublish('inbox.0'))
    assert.ok(p.mayPublish('inbox.1'))
  })
})

spec('authenticate', it => {
  const user: User = { name: 'a', password: 'pw', account: 'X', permissions: null }
  const guest: User = { name: 'guest', password: '', account: '$G', permissions: null }
  const users = new Map([
    ['a', user],
    ['guest', guest],
  ])
  const nobody = { user: '', pass: '', token: '' }
  const account = (auth: object, credentials: object) =>
    (
      authenticate(
        { ...openToAll, ...auth },
        { ...nobody, ...credentials },
        '$G',
      ) as Identity | null
    )?.account

  it('lets everybody in when nothing is configured', () => {
    assert.is(account({}, {}), '$G')
    assert.is(account({}, { user: 'whoever', pass: 'x' }), '$G')
  })

  it('asks for user and password', () => {
    assert.is(account({ users }, { user: 'a', pass: 'pw' }), 'X')
    assert.is(account({ users }, { user: 'a', pass: 'no' }), undefined)
    assert.is(account({ users }, { user: 'b', pass: 'pw' }), undefined)
    assert.is(account({ users }, {}), undefined)
  })

  it('asks for the token', () => {
    assert.is(account({ token: 't' }, { token: 't' }), '$G')
    assert.is(account({ token: 't' }, { token: 'u' }), undefined)
    assert.is(account({ token: 't' }, {}), undefined)
  })

  it('takes a peer without credentials for the no_auth_user, but not a wrong password', () => {
    assert.is(account({ users, noAuthUser: 'guest' }, {}), '$G')
    assert.is(account({ users, noAuthUser: 'guest' }, { user: 'a', pass: 'no' }), undefined)
  })
})
