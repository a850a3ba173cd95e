// The known pair is the example of the NATS documentation's chapter on nkey authentication.

import * as assert from 'uvu/assert'
import {
  type Role,
  createNKey,
  isPublicKey,
  readSeed,
  verifySignature,
} from '../../src/account/nkey.ts'
import { spec } from '../support/spec.ts'

const roles: readonly [Role, string][] = [
  ['account', 'A'],
  ['cluster', 'C'],
  ['server', 'N'],
  ['operator', 'O'],
  ['user', 'U'],
]

const knownSeed = 'SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY'
const knownPublic = 'UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4'

spec('nkey', it => {
  it('writes a public key and a seed of each role with their letters', () => {
    for (const [role, letter] of roles) {
      const key = createNKey(role)
      assert.is(key.publicKey.length, 56)
      assert.is(key.seed.length, 58)
      assert.is(key.publicKey[0], letter)
      assert.is(key.seed.slice(0, 2), `S${letter}`)
      assert.ok(isPublicKey(key.publicKey, role))
      assert.not(isPublicKey(key.publicKey, role === 'user' ? 'account' : 'user'))
    }
  })

  it('reads the seed that others wrote', () => {
    const key = readSeed(knownSeed)
    assert.is(key?.publicKey, knownPublic)
    assert.is(key?.role, 'user')
    assert.is(key?.seed, knownSeed)
  })

  it('reads back its own seed as the same key', () => {
    const key = createNKey('server')
    assert.is(readSeed(key.seed)?.publicKey, key.publicKey)
  })

  it('verifies its signature, and no other', () => {
    const key = createNKey('user')
    const nonce = Buffer.from('PjYc6_dlCQ1lnlg')
    const signature = key.sign(nonce)
    assert.is(signature.length, 64)
    assert.ok(verifySignature(key.publicKey, nonce, signature))
    assert.not(verifySignature(key.publicKey, Buffer.from('PjYc6_dlCQ1lnlh'), signature))
    assert.not(verifySignature(createNKey('user').publicKey, nonce, signature))
    assert.not(verifySignature(key.publicKey, nonce, signature.subarray(1)))
    assert.not(verifySignature('U', nonce, signature))
  })

  it('refuses a changed letter, a wrong length and a public key for a seed', () => {
    const key = createNKey('user')
    for (let at = 0; at < key.seed.length; at++) {
      const other = key.seed[at] === 'A' ? 'B' : 'A'
      assert.is(readSeed(key.seed.slice(0, at) + other + key.seed.slice(at + 1)), null)
    }
    for (const text of [
      '',
      'SU',
      key.seed.slice(1),
      `${key.seed}A`,
      key.publicKey,
      'su1'.repeat(30),
    ])
      assert.is(readSeed(text), null)
    assert.not(isPublicKey(key.seed))
    assert.not(isPublicKey(key.publicKey.toLowerCase()))
  })
})
