// Stream configs: defaults, rules and texts, as nats-server 2.15 has them (captures js-2.15.1).

import * as assert from 'uvu/assert'
import {
  configFields,
  readStreamConfig,
  sameConfig,
  withLevel,
} from '../../edge/store/api/config.ts'
import { completeConfig } from '../../edge/store/api/config-rules.ts'
import { updatedConfig } from '../../edge/store/api/config-update.ts'
import { readRequest } from '../../edge/store/api/read.ts'
import { type ApiRequest, isApiError } from '../../edge/store/api/request.ts'
import { streamConfigRequest } from '../../edge/store/api/requests.ts'
import { json } from '../../edge/store/api/text.ts'
import type { ApiError, StreamConfig } from '../../edge/store/shapes.ts'
import { spec } from '../support/spec.ts'

const secondNs = 1_000_000_000

const jetstream = { strict: true, warnOf: () => {} } as unknown as ApiRequest['jetstream']
const context = {
  windowNsMax: 0,
  pedantic: false,
  neighbours: { ownApi: '', config: () => undefined },
}

function read(config: Record<string, unknown>): StreamConfig | ApiError {
  const body = Buffer.from(JSON.stringify(config))
  const fields = readRequest({ jetstream, subject: '', body }, streamConfigRequest)
  return isApiError(fields) ? fields : completeConfig(readStreamConfig(fields), context)
}

function good(fields: Record<string, unknown>): StreamConfig {
  const config = read(fields)
  if (isApiError(config)) throw new Error(`${config.err_code} ${config.description}`)
  return config
}

function errorOf(fields: Record<string, unknown>): readonly [number, string] {
  const config = read(fields)
  if (!isApiError(config)) throw new Error('the config was accepted')
  return [config.err_code, config.description]
}

function sources(count: number): readonly object[] {
  return Array.from({ length: count }, (_, i) => ({ name: `S${i}` }))
}

spec('stream config', it => {
  it('prints defaults as nats-server 2.15.1 does', () => {
    assert.is(
      json(configFields(good({ name: 'S1', subjects: ['s1.>'] }))),
      '{"name":"S1","subjects":["s1.\\u003e"],"retention":"limits","max_consumers":-1,"max_msgs":-1,"max_bytes":-1,"max_age":0,"max_msgs_per_subject":-1,"max_msg_size":-1,"discard":"old","storage":"file","num_replicas":1,"duplicate_window":120000000000,"compression":"none","allow_direct":false,"mirror_direct":false,"sealed":false,"deny_delete":false,"deny_purge":false,"allow_rollup_hdrs":false,"consumer_limits":{},"allow_msg_ttl":false}',
    )
  })

  it('prints everything in its order', () => {
    const config = good({
      name: 'ALL',
      subjects: ['all.>'],
      storage: 'memory',
      max_msgs_per_subject: 10,
      discard: 'new',
      allow_direct: true,
      allow_rollup_hdrs: true,
      allow_msg_ttl: true,
      subject_delete_marker_ttl: 2 * secondNs,
      metadata: { b: '2', a: '1' },
      duplicate_window: 60 * secondNs,
      compression: 's2',
      description: 'd',
      no_ack: true,
      placement: { cluster: 'X', tags: ['a'] },
      first_seq: 7,
      discard_new_per_subject: true,
      consumer_limits: { max_ack_pending: 5 },
    })
    assert.is(
      json(configFields(withLevel(config))),
      '{"name":"ALL","description":"d","subjects":["all.\\u003e"],"retention":"limits","max_consumers":-1,"max_msgs":-1,"max_bytes":-1,"max_age":0,"max_msgs_per_subject":10,"max_msg_size":-1,"discard":"new","storage":"memory","num_replicas":1,"no_ack":true,"duplicate_window":60000000000,"placement":{"cluster":"X","tags":["a"]},"compression":"s2","first_seq":7,"allow_direct":true,"mirror_direct":false,"discard_new_per_subject":true,"sealed":false,"deny_delete":false,"deny_purge":false,"allow_rollup_hdrs":true,"consumer_limits":{"max_ack_pending":5},"allow_msg_ttl":true,"subject_delete_marker_ttl":2000000000,"metadata":{"_nats.req.level":"1","a":"1","b":"2"}}',
    )
  })

  it('takes the name as the subject when there is none', () => {
    assert.equal(good({ name: 'NS' }).subjects, ['NS'])
  })

  it('shortens the default duplicate window to the age', () => {
    assert.is(good({ name: 'A', max_age: 119 * secondNs }).duplicate_window, 119 * secondNs)
    assert.is(good({ name: 'A', max_age: 120 * secondNs }).duplicate_window, 120 * secondNs)
    assert.is(good({ name: 'A', max_age: 121 * secondNs }).duplicate_window, 120 * secondNs)
  })

  const cannot = 'invalid JSON: json: cannot unmarshal'
  const field = 'Go struct field StreamConfigRequest'
  const rows: readonly (readonly [string, Record<string, unknown>, number, string])[] = [
    [
      'a type that is none',
      { name: 5 },
      10025,
      `${cannot} number into ${field}.name of type string`,
    ],
    [
      'a fraction',
      { name: 'A', max_msgs: 1.5 },
      10025,
      `${cannot} number 1.5 into ${field}.max_msgs of type int64`,
    ],
    [
      'a word that is none',
      { name: 'A', retention: 'bogus' },
      10025,
      'invalid JSON: can not unmarshal "\\"bogus\\""',
    ],
    [
      'labels that are no texts',
      { name: 'A', metadata: { a: 1 } },
      10025,
      `${cannot} number into ${field}.metadata.a of type string`,
    ],
    [
      'a placement of numbers',
      { name: 'A', placement: { tags: [1] } },
      10025,
      `${cannot} number into StreamConfigRequest.placement.tags.0 of type string`,
    ],
    [
      'a name with a blank',
      { name: 'a b' },
      10052,
      "stream name is required and can not contain '.', '*', '>', '\\', '/'",
    ],
    [
      'a name past the limit',
      { name: 'n'.repeat(256) },
      10052,
      'stream name is too long, maximum allowed is 255',
    ],
    [
      'a description past the limit',
      { name: 'A', description: 'd'.repeat(4097) },
      10052,
      'stream description is too long, maximum allowed is 4096',
    ],
    [
      'metadata past the limit',
      { name: 'A', metadata: { a: 'x'.repeat(131_072) } },
      10052,
      'stream metadata exceeds maximum size of 131072 bytes',
    ],
    ['too many replicas', { name: 'A', num_replicas: 6 }, 10052, 'maximum replicas is 5'],
    [
      'negative replicas',
      { name: 'A', num_replicas: -1 },
      10133,
      'replicas count cannot be negative',
    ],
    [
      'a small age',
      { name: 'A', max_age: secondNs / 10 - 1 },
      10052,
      'max age needs to be >= 100ms',
    ],
    [
      'a window larger than the age',
      { name: 'A', max_age: secondNs, duplicate_window: secondNs + 1 },
      10052,
      'duplicates window can not be larger then max age',
    ],
    [
      'a small window',
      { name: 'A', duplicate_window: secondNs / 10 - 1 },
      10052,
      'duplicates window needs to be >= 100ms',
    ],
    [
      'a negative window',
      { name: 'A', duplicate_window: -1 },
      10052,
      'duplicates window can not be negative',
    ],
    [
      'roll-ups without purge',
      { name: 'A', deny_purge: true, allow_rollup_hdrs: true },
      10052,
      'roll-ups require the purge permission',
    ],
    [
      'discard new per subject alone',
      { name: 'A', discard_new_per_subject: true },
      10052,
      'discard new per subject requires discard new policy to be set',
    ],
    [
      'discard new per subject without a limit',
      { name: 'A', discard: 'new', discard_new_per_subject: true },
      10052,
      'discard new per subject requires max msgs per subject > 0',
    ],
    ['an empty token', { name: 'A', subjects: ['a..b'] }, 10052, 'invalid subject'],
    [
      'the same twice',
      { name: 'A', subjects: ['dd', 'dd'] },
      10052,
      'subject "dd" overlaps with "dd"',
    ],
    [
      'subjects that meet',
      { name: 'A', subjects: ['a.b', 'a.*'] },
      10052,
      'subject "a.b" overlaps with "a.*"',
    ],
    [
      'everything',
      { name: 'A', subjects: ['>'] },
      10052,
      'capturing all subjects requires no-ack to be true',
    ],
    [
      'the API',
      { name: 'A', subjects: ['$JS.foo'] },
      10052,
      'subjects that overlap with jetstream api require no-ack to be true',
    ],
    [
      'the system',
      { name: 'A', subjects: ['$SYS.>'] },
      10052,
      'subjects that overlap with system api require no-ack to be true',
    ],
    [
      'a mirror with subjects',
      { name: 'A', subjects: ['a'], mirror: { name: 'B' } },
      10034,
      'stream mirrors can not contain subjects',
    ],
    [
      'a mirror without a name',
      { name: 'A', mirror: {} },
      10142,
      'mirrored stream name is invalid',
    ],
    [
      'a mirror with a first sequence',
      { name: 'A', first_seq: 2, mirror: { name: 'B' } },
      10143,
      'stream mirrors can not have first sequence configured',
    ],
    [
      'a mirror with sources',
      { name: 'A', mirror: { name: 'B' }, sources: [{ name: 'C' }] },
      10031,
      'stream mirrors can not also contain other sources',
    ],
    [
      'a source twice',
      { name: 'A', sources: [{ name: 'B' }, { name: 'B', filter_subject: '>' }] },
      10140,
      'duplicate source configuration detected',
    ],
    [
      'a source with a prefix of ours',
      { name: 'A', sources: [{ name: 'B', external: { api: '$JS.API', deliver: '' } }] },
      10021,
      'stream external api prefix $JS.API must not overlap with $JS.API',
    ],
    [
      'a source with a pattern to deliver to',
      { name: 'A', sources: [{ name: 'B', external: { api: '$JS.x.API', deliver: 'd.*' } }] },
      10024,
      'stream external delivery prefix d.* must not contain wildcards',
    ],
    [
      'a source that is none',
      { name: 'A', sources: ['B'] },
      10025,
      `${cannot} string into StreamConfigRequest.sources.0 of type server.StreamSource`,
    ],
    [
      'a source with a time that is none',
      { name: 'A', sources: [{ name: 'B', opt_start_time: 'yesterday' }] },
      10025,
      'invalid JSON: parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
    ],
    ['65 sources', { name: 'A', sources: sources(65) }, 10052, 'more than 64 sources'],
    [
      'a republish that does not map',
      { name: 'A', republish: { src: 'a', dest: 'x.>' } },
      10052,
      "stream configuration for republish with transform from 'a' to 'x.>' not valid",
    ],
    [
      'a republish into its own subjects',
      { name: 'A', republish: { src: '>', dest: 'A.>' }, subjects: ['A.>'] },
      10052,
      'stream configuration for republish destination forms a cycle',
    ],
    [
      'a republish that may become one of its own subjects',
      { name: 'A', republish: { src: 'A.*.*', dest: '$1.$2' }, subjects: ['A.*'] },
      10052,
      'stream configuration for republish destination forms a cycle',
    ],
    [
      'a republish of another type',
      { name: 'A', republish: 'x' },
      10025,
      `${cannot} string into ${field}.republish of type server.RePublish`,
    ],
    [
      'a transform that is too long',
      { name: 'A', subject_transform: { src: '', dest: `>${'x'.repeat(4096)}` } },
      10155,
      'stream transform source: invalid subject ',
    ],
  ]
  for (const [what, fields, code, text] of rows) {
    it(`refuses ${what}`, () => assert.equal(errorOf(fields), [code, text]))
  }

  it('accepts what is exactly at a limit', () => {
    assert.is(good({ name: 'n'.repeat(255) }).name.length, 255)
    assert.is(good({ name: 'A', description: 'd'.repeat(4096) }).description?.length, 4096)
    assert.ok(good({ name: 'A', metadata: { a: 'x'.repeat(131_071) } }))
    assert.is(good({ name: 'A', num_replicas: 5 }).num_replicas, 5)
    assert.is(good({ name: 'A', max_age: secondNs / 10 }).max_age, secondNs / 10)
    assert.ok(good({ name: 'A', subjects: ['>'], no_ack: true }))
    assert.ok(good({ name: 'A', subjects: ['$JS.EVENT.ADVISORY.>'] }))
    assert.ok(good({ name: 'A', sources: [], mirror: null }))
    assert.is(good({ name: 'A', sources: sources(64) }).sources?.length, 64)
    assert.ok(good({ name: 'A', subject_transform: { src: 'a', dest: 'x'.repeat(4096) } }))
  })

  it('knows the same config in another order and with defaults spelled out', () => {
    const short = good({ name: 'A', metadata: { b: '2', a: '1' } })
    const long = good({ metadata: { a: '1', b: '2' }, max_msgs: -1, subjects: ['A'], name: 'A' })
    assert.ok(sameConfig(short, long))
    assert.not.ok(sameConfig(short, good({ name: 'A', max_msgs: 5 })))
  })

  const updates: readonly (readonly [Record<string, unknown>, Record<string, unknown>, string])[] =
    [
      [{}, { name: 'B' }, 'stream configuration name must match original'],
      [{}, { storage: 'memory' }, 'stream configuration update can not change storage type'],
      [
        { retention: 'workqueue' },
        { retention: 'limits' },
        'stream configuration update can not change retention policy to/from workqueue',
      ],
      [
        { deny_delete: true },
        { deny_delete: false },
        'stream configuration update can not cancel deny message deletes',
      ],
      [
        { deny_purge: true },
        { deny_purge: false },
        'stream configuration update can not cancel deny purge',
      ],
      [
        { sealed: true },
        { sealed: false },
        'stream configuration update can not unseal a sealed stream',
      ],
    ]
  for (const [before, after, text] of updates) {
    it(`refuses an update: ${text}`, () => {
      const old = good({ name: 'A', ...before })
      const outcome = updatedConfig(old, good({ name: 'A', ...before, ...after }))
      assert.equal(isApiError(outcome) && outcome.description, text)
    })
  }

  it('seals with all that goes with it', () => {
    const old = good({ name: 'A', max_age: secondNs, allow_rollup_hdrs: true })
    const outcome = updatedConfig(old, good({ name: 'A', sealed: true, max_age: secondNs }))
    if (isApiError(outcome)) throw new Error(outcome.description)
    const { max_age, discard, deny_delete, deny_purge, allow_rollup_hdrs, sealed } = outcome
    assert.equal(
      [max_age, discard, deny_delete, deny_purge, allow_rollup_hdrs, sealed],
      [0, 'new', true, true, false, true],
    )
  })

  it('goes from limits to interest and back', () => {
    const limits = good({ name: 'A' })
    const interest = good({ name: 'A', retention: 'interest' })
    assert.not.ok(isApiError(updatedConfig(limits, interest)))
    assert.not.ok(isApiError(updatedConfig(interest, limits)))
  })
})
