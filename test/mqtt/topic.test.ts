import * as assert from 'uvu/assert'
import {
  isFilter,
  isMqttText,
  isTopic,
  parentOfPattern,
  patternOfFilter,
  subjectOfTopic,
  topicOfSubject,
} from '../../edge/mqtt/topic.ts'
import { tokensMax } from '../../src/subject/subject.ts'
import { spec } from '../support/spec.ts'

/** topic, subject: both ways. */
const pairs: readonly (readonly [string, string])[] = [
  ['a', 'a'],
  ['a/b', 'a.b'],
  ['a/b/c', 'a.b.c'],
  ['/a', '/.a'],
  ['/a/b', '/.a.b'],
  ['a/', 'a./'],
  ['a/b/', 'a.b./'],
  ['/', '/./'],
  ['//', '/././'],
  ['//a', '/./.a'],
  ['a//b', 'a./.b'],
  ['a///b', 'a././.b'],
  ['a//', 'a././'],
  ['/a/', '/.a./'],
  ['a.b', 'a//b'],
  ['.', '//'],
  ['..', '////'],
  ['.a', '//a'],
  ['a.', 'a//'],
  ['./a', '//.a'],
  ['/.a', '/.//a'],
  ['a./b', 'a//.b'],
  ['a/.b', 'a.//b'],
  ['a.//b', 'a//./.b'],
  ['x//y.z/', 'x./.y//z./'],
  ['$SYS/x', '$SYS.x'],
  ['température/é', 'température.é'],
]

spec('mqtt topic', it => {
  it('maps topics to subjects', () => {
    for (const [topic, subject] of pairs) assert.is(subjectOfTopic(topic), subject, topic)
  })

  it('maps subjects to topics', () => {
    for (const [topic, subject] of pairs) assert.is(topicOfSubject(subject), topic, subject)
  })

  it('brings every topic of a/./b levels back unchanged', () => {
    const alphabet = ['a', '.', '/']
    let topics = ['']
    for (let length = 1; length <= 7; length++) {
      topics = topics.flatMap(topic => alphabet.map(char => topic + char))
      for (const topic of topics) {
        const subject = subjectOfTopic(topic) as string
        assert.is(topicOfSubject(subject), topic)
        assert.not(subject.split('.').includes(''), `${topic} -> ${subject}`)
      }
    }
  })

  it('has no subject for blanks, control characters and DEL', () => {
    for (const char of [' ', '\t', '\r', '\n', '\f', '\0', '\x7f']) {
      assert.is(subjectOfTopic(`a${char}b`), null)
      assert.is(patternOfFilter(`a${char}b/#`), null)
    }
    assert.is(subjectOfTopic(''), null)
  })

  it('maps filters to patterns', () => {
    const rows = [
      ['#', '>'],
      ['+', '*'],
      ['+/a', '*.a'],
      ['a/+', 'a.*'],
      ['a/+/b', 'a.*.b'],
      ['a/#', 'a.>'],
      ['/#', '/.>'],
      ['/+', '/.*'],
      ['+/', '*./'],
      ['+/+', '*.*'],
      ['a//#', 'a./.>'],
      ['a.b/#', 'a//b.>'],
    ]
    for (const [filter, pattern] of rows) assert.is(patternOfFilter(filter!), pattern!, filter)
  })

  it('has no pattern for levels that a subject would take for wildcards', () => {
    assert.is(patternOfFilter('a/*'), null)
    assert.is(patternOfFilter('>'), null)
    assert.is(patternOfFilter('a*/b'), 'a*.b')
  })

  it('subscribes the parent of # too', () => {
    assert.is(parentOfPattern('a.>'), 'a')
    assert.is(parentOfPattern('a.b.>'), 'a.b')
    assert.is(parentOfPattern('>'), null)
    assert.is(parentOfPattern('a.*'), null)
  })

  it('knows filters with misplaced wildcards', () => {
    for (const good of ['#', '+', 'a/#', '+/+/#', '/', '/+', 'a//#'])
      assert.ok(isFilter(good), good)
    for (const bad of ['', 'a#', '#/a', 'a/#/b', 'a+', '+a/b', 'a/b+', '##', '++']) {
      assert.not.ok(isFilter(bad), bad)
    }
  })

  it('knows topics that cannot be sent', () => {
    assert.ok(isTopic('a/b'))
    for (const bad of ['', 'a/+', '#', 'a+b']) assert.not.ok(isTopic(bad), bad)
  })

  it('wants well-formed UTF-8 without NUL', () => {
    const ok = (hex: string) => isMqttText(Buffer.from(hex, 'hex'), 0, hex.length / 2)
    assert.ok(ok('61c3a9'))
    assert.ok(ok('efbbbf61'))
    assert.ok(ok(''))
    assert.not.ok(ok('6100'), 'NUL')
    assert.not.ok(ok('c3a900'), 'NUL after other bytes')
    assert.not.ok(ok('c3'), 'cut short')
    assert.not.ok(ok('c0af'), 'overlong')
    assert.not.ok(ok('eda080'), 'surrogate')
    assert.not.ok(ok('f4908080'), 'above U+10FFFF')
    assert.ok(
      isMqttText(Buffer.from('é\0', 'utf8'), 0, 2),
      'a NUL behind the text is no part of it',
    )
  })
})

spec('mqtt topic depth', it => {
  it('has no subject past the levels a subject may have', () => {
    const deep = Array(tokensMax).fill('a').join('/')
    assert.is(subjectOfTopic(deep)?.length, 2 * tokensMax - 1)
    assert.is(subjectOfTopic(`${deep}/a`), null)
    assert.is(patternOfFilter(`${deep}/a`), null)
  })
})
