// CONNECT: what its JSON may be, and that nothing else is believed.

import * as assert from 'uvu/assert'
import { connectDefaults, readConnect, redacted } from '../../src/link/handshake.ts'
import { fuzz, mutated, type Random } from '../support/fuzz.ts'
import { spec } from '../support/spec.ts'

spec('CONNECT', it => {
  it('takes nats-server’s defaults for what is left out', () => {
    assert.equal(readConnect('{}'), connectDefaults)
    assert.equal(readConnect('{"verbose":null,"unknown":[1]}'), connectDefaults)
  })

  it('refuses what is no object or has a field of another type', () => {
    for (const json of [
      '',
      '1',
      'null',
      '[]',
      '"x"',
      '{"verbose":1}',
      '{"user":7}',
      '{"protocol":"1"}',
    ]) {
      assert.is(readConnect(json), null, json)
    }
  })

  it('is read as the types it promises, whatever comes', () => {
    fuzz(random => {
      const options = readConnect(mutated(Buffer.from(anyJson(random, 2)), random).toString())
      if (options === null) return
      for (const [name, value] of Object.entries(connectDefaults)) {
        assert.is(typeof Reflect.get(options, name), typeof value, name)
      }
    })
  })

  it('never shows a secret in the log, whatever is in it', () => {
    fuzz(random => {
      const secret = JSON.stringify(`s3cret${random.pick(['', '"', '\\', '\\"', ' ', '}'])}s3cret`)
      const field = random.pick(['pass', 'auth_token', 'jwt', 'sig'])
      const space = random.pick(['', ' ', '\t'])
      const json = `{"user":"u","${field}"${space}:${space}${secret},"name":"n"}`
      const shown = redacted(json)
      assert.not.match(shown, 's3cret')
      assert.match(shown, '"name":"n"')
    })
  })
})

const names = [...Object.keys(connectDefaults), 'auth_token', 'no_responders', '__proto__', 'x']

function anyJson(random: Random, depth: number): string {
  const scalar = () =>
    random.pick(['true', 'false', 'null', '0', '1', '-1', '1e999', '"x"', '""', '"\\u0000"', '[]'])
  const value = () => (depth > 0 && random.below(6) === 0 ? anyJson(random, depth - 1) : scalar())
  const fields = Array.from({ length: random.below(8) }, () => `"${random.pick(names)}":${value()}`)
  return `{${fields.join(',')}}`
}
