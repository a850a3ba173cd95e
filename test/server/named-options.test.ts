// server_metadata, feature_flags, write_timeout and other keys that are read here.

import * as assert from 'uvu/assert'
import { checkConfig } from '../../src/server/check.ts'
import { parseConfText } from '../../src/server/conf.ts'
import { serverBlock } from '../../src/server/options.ts'
import { spec } from '../support/spec.ts'

function read(text: string) {
  const parsed = parseConfText(text, { read: () => new Error('no files'), env: {} }, 'f')
  assert.ok(parsed.is === 'parsed')
  const { values, errors, notes } = checkConfig(parsed.root, serverBlock)
  return { values, errors: errors.map(one => one.text), notes: notes.map(one => one.text) }
}

spec('options of names and switches', it => {
  it('reads metadata and switches', () => {
    const { values, errors, notes } = read(
      'server_metadata { site: "x", rack: "7" }\nfeature_flags { js_ack_fc_v2: false }',
    )
    assert.equal(errors, [])
    assert.equal(values.server_metadata, { site: 'x', rack: '7' })
    assert.equal(values.feature_flags, { js_ack_fc_v2: false })
    assert.equal(notes, ['feature flag "js_ack_fc_v2" has no effect in nats-edge'])
  })
  for (const policy of ['default', 'close', 'retry']) {
    it(`takes write_timeout ${policy}`, () => {
      const { values, errors } = read(`write_timeout: ${policy}`)
      assert.equal([values.write_timeout, errors], [policy, []])
    })
  }
  for (const [text, why] of [
    ['server_metadata: x', /error parsing metadata/],
    ['server_metadata { a: 1 }', /not a text/],
    [`server_metadata { a: "${'x'.repeat(4097)}" }`, /not a text/],
    [`server_metadata { ${Array.from({ length: 257 }, (_, i) => `k${i}: x`).join()} }`, /256/],
    ['feature_flags: [a]', /error parsing feature flags/],
    ['feature_flags { a: 1 }', /expected bool/],
    ['write_timeout: never', /'default', 'close' or 'retry'/],
    ['max_sub_tokens: 0', /minimum is 1/],
    ['max_sub_tokens: 256', /maximum is 255/],
    ['proxy_protocol: true', /"proxy_protocol" is not supported by nats-edge/],
    ['proxies { trusted: [] }', /"proxies" is not supported by nats-edge/],
  ] as const) {
    it(`refuses ${text.slice(0, 40)}`, () => assert.match(read(text).errors[0] ?? '', why))
  }
  it('keeps what stands at the bound', () => {
    assert.equal(read('max_sub_tokens: 255').errors, [])
    const entries = Array.from({ length: 256 }, (_, i) => `k${i}: x`).join()
    assert.equal(read(`server_metadata { ${entries} }`).errors, [])
  })
})
