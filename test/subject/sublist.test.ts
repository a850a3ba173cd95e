import * as assert from 'uvu/assert'
import { newSubscription } from '../../src/broker/post.ts'
import type { LocalSink, Subscription } from '../../src/message.ts'
import {
  covers,
  hasWildcard,
  isPattern,
  isSubject,
  matches,
  overlaps,
  tokensMax,
} from '../../src/subject/subject.ts'
import { Sublist } from '../../src/subject/sublist.ts'
import { spec } from '../support/spec.ts'

const sink: LocalSink = { remote: false, deliver() {} }

function listOf(...entries: [string, string?][]): [Sublist, Subscription[]] {
  const list = new Sublist()
  const subscriptions = entries.map(([subject, queue]) => newSubscription(subject, sink, queue))
  for (const subscription of subscriptions) list.insert(subscription)
  return [list, subscriptions]
}

spec('sublist', it => {
  it('finds literal, * and > subscriptions', () => {
    const [list] = listOf(['a.b'], ['a.*'], ['a.>'], ['>'], ['*'], ['a'], ['a.b.c'], ['*.*.c'])
    const found = (subject: string) =>
      list
        .match(subject)
        .plain.map(s => s.subject)
        .sort()
    assert.equal(found('a.b'), ['>', 'a.*', 'a.>', 'a.b'])
    assert.equal(found('a'), ['*', '>', 'a'])
    assert.equal(found('a.b.c'), ['*.*.c', '>', 'a.>', 'a.b.c'])
    assert.equal(found('z.z.z'), ['>'])
  })

  it('matches all acks of a consumer at once, but for who listens to some of them', () => {
    const [list] = listOf(['$JS.ACK.S.C.>'], ['$JS.ACK.S.D.>'], ['$JS.>'], ['$JS.ACK.*.E.1.*'])
    const ack = (consumer: string, n: number) => `$JS.ACK.S.${consumer}.1.${n}.${n}.17.0`
    const found = (subject: string) =>
      list
        .match(subject)
        .plain.map(s => s.subject)
        .sort()
    for (let n = 1; n <= 3; n++) {
      assert.equal(found(ack('C', n)), ['$JS.>', '$JS.ACK.S.C.>'])
      assert.equal(found(ack('D', n)), ['$JS.>', '$JS.ACK.S.D.>'])
      assert.equal(found(`$JS.ACK.S.E.1.${n}`), ['$JS.>', '$JS.ACK.*.E.1.*'])
      assert.equal(found(`$JS.ACK.S.E.2.${n}`), ['$JS.>'])
      assert.equal(found('$JS.ACK.S.C'), ['$JS.>'])
    }
    assert.is(list.match(ack('C', 4)), list.match(ack('C', 5)))
    assert.is(list.cached, 0)
    const some = newSubscription('$JS.ACK.S.*.1.7.>', sink)
    list.insert(some)
    assert.is(found(ack('C', 7)).length, 3)
    assert.is(found(ack('C', 8)).length, 2)
    list.remove(some)
    assert.is(found(ack('C', 7)).length, 2)
  })

  it('matches all replies of an inbox at once, but for who listens to some of them', () => {
    const [list] = listOf(
      ['_INBOX.a.*'],
      ['_INBOX.b.>'],
      ['_INBOX.>'],
      ['_INBOX.c.7'],
      ['_INBOX.*.x.*'],
    )
    const found = (subject: string) =>
      list
        .match(subject)
        .plain.map(s => s.subject)
        .sort()
    for (let n = 6; n <= 8; n++) {
      assert.equal(found(`_INBOX.a.${n}`), ['_INBOX.>', '_INBOX.a.*'])
      assert.equal(found(`_INBOX.b.${n}`), ['_INBOX.>', '_INBOX.b.>'])
      assert.is(found(`_INBOX.c.${n}`).length, n === 7 ? 2 : 1)
      assert.equal(found(`_INBOX.a.x.${n}`), ['_INBOX.*.x.*', '_INBOX.>'])
      assert.equal(found(`_INBOX.b.${n}.${n}`), ['_INBOX.>', '_INBOX.b.>'])
      assert.equal(found('_INBOX.a'), ['_INBOX.>'])
    }
    const [plain] = listOf(['_INBOX.a.*'], ['_INBOX.>'])
    assert.is(plain.match('_INBOX.a.1'), plain.match('_INBOX.a.2'))
    const one = newSubscription('_INBOX.a.9', sink)
    list.insert(one)
    assert.is(found('_INBOX.a.9').length, 3)
    assert.is(found('_INBOX.a.8').length, 2)
    list.remove(one)
    assert.is(found('_INBOX.a.9').length, 2)
  })

  it('joins the members of a queue group from several patterns', () => {
    const [list] = listOf(['a.b', 'q'], ['a.*', 'q'], ['a.>', 'r'], ['a.b'])
    const match = list.match('a.b')
    assert.is(match.plain.length, 1)
    assert.equal(match.groups.map(g => g.length).sort(), [1, 2])
  })

  it('forgets a removed subscription, and the nodes it stood on', () => {
    const [list, [first, second]] = listOf(['a.b.c'], ['a.b.c', 'q'])
    assert.ok(list.remove(first!))
    assert.not.ok(list.remove(first!))
    assert.is(list.match('a.b.c').groups.length, 1)
    assert.ok(list.remove(second!))
    assert.is(list.count, 0)
    assert.equal([...list], [])
  })

  it('gives a new match after every change and the same one in between', () => {
    const [list] = listOf(['a'])
    const before = list.match('a')
    assert.is(list.match('a'), before)
    list.insert(newSubscription('a', sink))
    assert.is.not(list.match('a').generation, before.generation)
    assert.is(list.match('a').plain.length, 2)
  })

  it('holds a bounded number of matches', () => {
    const [list] = listOf(['>'])
    for (let i = 0; i < 10_000; i++) list.match(`s.${i}`)
    assert.ok(list.cached <= 4096)
  })
})

spec('subject', it => {
  const rows: [string, boolean, boolean][] = [
    // text, pattern, subject
    ['foo', true, true],
    ['foo.bar', true, true],
    ['foo.*', true, false],
    ['>', true, false],
    ['foo.>', true, false],
    ['foo>', true, true],
    ['fo*o', true, true],
    ['foo.>.bar', false, false],
    ['', false, false],
    ['.foo', false, false],
    ['foo.', false, false],
    ['foo..bar', false, false],
    ['foo bar', false, false],
    ['foo\0', false, false],
  ]
  for (const [text, pattern, subject] of rows) {
    it(`${JSON.stringify(text)} is ${pattern ? 'a' : 'no'} pattern`, () => {
      assert.is(isPattern(text), pattern)
      assert.is(isSubject(text), subject)
    })
  }

  it('has a bound on its tokens, and the trie stands that many', () => {
    const deep = Array(tokensMax).fill('a').join('.')
    assert.ok(isPattern(deep))
    assert.not.ok(isPattern(`${deep}.a`))
    const [list, [subscription]] = listOf([deep])
    assert.is(list.match(deep).plain.length, 1)
    assert.is([...list].length, 1)
    assert.ok(list.remove(subscription!))
  })

  it('knows a wildcard from a literal', () => {
    assert.ok(hasWildcard('a.*.b'))
    assert.ok(hasWildcard('*'))
    assert.ok(hasWildcard('a.>'))
    assert.not.ok(hasWildcard('a*.b'))
    assert.not.ok(hasWildcard('a.b>'))
  })

  it('matches, covers and overlaps', () => {
    assert.ok(matches('a.*.c', 'a.b.c'))
    assert.not.ok(matches('a.*', 'a.b.c'))
    assert.ok(matches('a.>', 'a.b.c'))
    assert.not.ok(matches('a.>', 'a'))
    assert.ok(covers('a.>', 'a.*.c'))
    assert.not.ok(covers('a.*', 'a.>'))
    assert.not.ok(covers('a.b', 'a.*'))
    assert.ok(overlaps('a.*', '*.b'))
    assert.not.ok(overlaps('a.*', 'b.>'))
    assert.ok(overlaps('a.>', 'a.b.c'))
  })
})
