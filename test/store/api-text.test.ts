// Go's JSON and times; the headers a publisher sets; the jetstream option.

import * as assert from 'uvu/assert'
import { Dispatch } from '../../edge/store/api/dispatch.ts'
import {
  FieldReader,
  json,
  readFields,
  requestBytesMax,
  timeOf,
  timeText,
} from '../../edge/store/api/text.ts'
import { jetstreamBlock, jetstreamOption } from '../../edge/store/options.ts'
import { noOptions, publishOptions } from '../../edge/store/publish-headers.ts'
import { checkConfig } from '../../src/server/check.ts'
import { parseConfText } from '../../src/server/conf.ts'
import { spec } from '../support/spec.ts'

spec('api text', it => {
  it('escapes what Go escapes', () => {
    assert.is(json({ a: 'x.>&<\u2028' }), '{"a":"x.\\u003e\\u0026\\u003c\\u2028"}')
    assert.is(json({ a: 'ü"' }), '{"a":"ü\\""}')
  })

  it('prints as many decimals as are needed', () => {
    assert.is(timeText(0), '0001-01-01T00:00:00Z')
    assert.is(timeText(1_700_000_000_000_000), '2023-11-14T22:13:20Z')
    assert.is(timeText(1_700_000_000_100_000), '2023-11-14T22:13:20.1Z')
    assert.is(timeText(1_700_000_000_000_001), '2023-11-14T22:13:20.000001Z')
  })

  it('reads what it prints, and other zones', () => {
    assert.is(timeOf('2023-11-14T22:13:20.000001Z'), 1_700_000_000_000_001)
    assert.is(timeOf('2023-11-14T23:13:20.123456789+01:00'), 1_700_000_000_123_456)
    assert.is(timeOf('yesterday'), null)
    assert.is(timeOf('2023-13-14T22:13:20Z'), null)
  })

  it('reads bodies up to the limit and not past it', () => {
    const body = (bytes: number) => Buffer.from(`{"a":"${'x'.repeat(bytes - 8)}"}`)
    assert.is(body(requestBytesMax).length, requestBytesMax)
    assert.ok(readFields(body(requestBytesMax)))
    assert.is(readFields(body(requestBytesMax + 1)), null)
    assert.equal(readFields(Buffer.alloc(0)), {})
    for (const bad of ['[]', 'null', '5', '{bad', '"x"']) {
      assert.is(readFields(Buffer.from(bad)), null, bad)
    }
  })

  it('never trusts a field', () => {
    const fields = readFields(Buffer.from('{"__proto__":{"seq":1},"a":1e300,"b":null,"c":[1]}'))
    const read = new FieldReader(fields ?? {})
    assert.is(read.count('seq'), 0)
    assert.is(read.text('b'), '')
    assert.is(read.text('toString'), '')
    assert.not.ok(read.wrong)
    read.integer('a')
    assert.ok(read.wrong)
    const second = new FieldReader(fields ?? {})
    second.texts('c')
    assert.ok(second.wrong)
  })

  it('finds the row of a subject', () => {
    const row = (subject: string) => ({ subject, type: 't', handle: () => null })
    const dispatch = new Dispatch([row('INFO'), row('A.*'), row('B.*.*.>')])
    const found = (subject: string) => dispatch.find(`$JS.API.${subject}`)?.names ?? null
    assert.equal(found('INFO'), [])
    assert.equal(found('A.x'), ['x'])
    assert.equal(found('B.s.c.f.>'), ['s', 'c', 'f.>'])
    assert.is(found('A'), null)
    assert.is(found('A.x.y'), null)
    assert.is(found('B.s.c'), null)
    assert.is(found('NOPE'), null)
  })
})

function options(headers: string) {
  const chunk = Buffer.from(`XX${headers}payload`)
  return publishOptions(chunk, 2, 2 + headers.length)
}

spec('publish headers', it => {
  it('gives the same object when nothing is in it', () => {
    assert.is(options('NATS/1.0\r\n\r\n'), noOptions)
    assert.is(options('NATS/1.0\r\nX-Nats-Msg-Id: a\r\n\r\n'), noOptions)
    assert.equal(options('NATS/1.0\r\nNats-Other: 1s\r\n\r\n'), {})
  })

  it('reads all of them, whatever the blanks', () => {
    assert.equal(
      options(
        'NATS/1.0\r\nNats-Msg-Id:a b\r\nOther: x\r\nNats-Expected-Stream:  S\r\n' +
          'Nats-Expected-Last-Sequence: 12\r\nNats-Expected-Last-Subject-Sequence: 0\r\n' +
          'Nats-Expected-Last-Subject-Sequence-Subject: a.*\r\nNats-Expected-Last-Msg-Id: z\r\n' +
          'Nats-Rollup: SUB\r\n\r\n',
      ),
      {
        msgId: 'a b',
        expectedStream: 'S',
        expectedLastSeq: 12,
        expectedLastSubjectSeq: 0,
        expectedLastSubjectSeqSubject: 'a.*',
        expectedLastMsgId: 'z',
        rollup: 'sub',
      },
    )
  })

  it('takes the first of a name, and a bad number as one that is never met', () => {
    assert.equal(options('NATS/1.0\r\nNats-Msg-Id: a\r\nNats-Msg-Id: b\r\n\r\n'), { msgId: 'a' })
    assert.equal(options('NATS/1.0\r\nNats-Expected-Last-Sequence: x\r\n\r\n'), {
      expectedLastSeq: -1,
    })
  })

  it('survives blocks that are cut, empty or strange', () => {
    for (const text of ['', 'NATS/1.0', 'NATS/1.0\r\n', 'NATS/1.0\r\nNats-Msg-Id', '\n\n\n:']) {
      assert.equal(options(text), {}, JSON.stringify(text))
    }
    assert.is(options('NATS/1.0\r\nNats-Msg-Id:\r\nNats-toString: x\r\n\r\n').msgId, undefined)
  })
})

function check(text: string) {
  const parsed = parseConfText(text, { env: {}, read: () => '' })
  if (parsed.is === 'failed') throw new Error(parsed.problem.text)
  return checkConfig(parsed.root, { jetstream: jetstreamOption })
}

spec('jetstream option', it => {
  it('is off, on, or a block', () => {
    assert.is(check('').values.jetstream, null)
    for (const off of ['false', 'disabled', '{ enabled: false }']) {
      assert.is(check(`jetstream: ${off}`).values.jetstream, null, off)
    }
    for (const on of ['true', 'enabled', '{}']) {
      assert.equal(check(`jetstream: ${on}`).values.jetstream?.sync_interval, null, on)
    }
  })

  it('reads sizes, the domain and the interval', () => {
    const { values, errors } = check(
      'jetstream { store: "/x", max_mem: 64MB, max_file: "1GB", domain: edge, sync: "2m" }',
    )
    assert.equal(errors, [])
    assert.equal(values.jetstream && { ...values.jetstream }, {
      enabled: true,
      store_dir: '/x',
      max_memory_store: 64 * 1024 * 1024,
      max_file_store: 1024 * 1024 * 1024,
      domain: 'edge',
      sync_interval: 120_000,
      limits: {
        max_ack_pending: 0,
        max_request_batch: 0,
        duplicate_window: 0,
        batch: { max_inflight_per_stream: 0, max_inflight_total: 0, max_msgs: 0, timeout: 0 },
      },
      strict: true,
      backup: null,
      request_queue_limit: 10_000,
    })
    assert.is(check('jetstream { sync_interval: always }').values.jetstream?.sync_interval, null)
  })

  it('names what is not supported, with its place', () => {
    for (const [text, why] of [
      ['jetstream { key: x }', /"key" is not supported/],
      ['jetstream { limits { bogus: 1 } }', /unknown field "bogus"/],
      ['jetstream { bogus: 1 }', /unknown field "bogus"/],
      ['jetstream { domain: "a.b" }', /invalid domain name/],
      ['jetstream { sync_interval: soon }', /sync_interval is "always" or a duration/],
      ['jetstream: maybe', /Expected 'enabled' or 'disabled'/],
      ['jetstream: 5', /Expected map, bool or string/],
    ] as const) {
      const { errors } = check(text)
      assert.is(errors.length, 1, text)
      assert.match(errors[0]?.text ?? '', why)
      assert.is(errors[0]?.place.line, 1)
    }
  })

  it('notes what has no effect', () => {
    const { errors, warnings, notes } = check('jetstream { unique_tag: a, info_queue_limit: 5 }')
    assert.equal([errors.length, warnings.length, notes.length], [0, 0, 2])
    assert.match(notes[0]?.text ?? '', /"unique_tag" has no effect/)
  })

  it('has a sentence for every row', () => {
    for (const [name, row] of Object.entries(jetstreamBlock)) assert.match(row.about, /\.$/, name)
  })
})
