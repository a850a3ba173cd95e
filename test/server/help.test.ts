// What --help_tls lists is what a config may really say.

import * as assert from 'uvu/assert'
import { cipherList, cipherSuites, curveList, curves } from '../../src/link/tls-names.ts'
import { helpText, tlsHelpText } from '../../src/server/help.ts'
import { spec } from '../support/spec.ts'
import { optionsOf } from '../support/server.ts'

/** The indented names below the heading, up to the next blank line. */
function listed(heading: string): readonly string[] {
  const text = tlsHelpText()
  const from = text.indexOf(heading)
  assert.ok(from >= 0, heading)
  const [, ...lines] = text.slice(from).split('\n')
  return lines.slice(0, lines.indexOf('')).map(line => line.trim())
}

const tlsOf = (more: string) =>
  optionsOf(`tls { cert_file: a, key_file: b\n${more} }`).tls as NonNullable<
    ReturnType<typeof optionsOf>['tls']
  >

spec('--help_tls', it => {
  it('lists the suites that a config and OpenSSL take, the weak ones apart', () => {
    const good = listed('Available cipher suites include')
    const weak = listed('With allow_insecure_cipher_suites also')
    assert.ok(good.includes('TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'))
    for (const name of good) {
      assert.equal(tlsOf(`cipher_suites: [${name}]`).cipher_suites, [name])
      assert.ok(cipherList([name]).length > 0)
    }
    for (const name of weak) {
      assert.throws(() => tlsOf(`cipher_suites: [${name}]`), 'allow_insecure_cipher_suites')
      tlsOf(`allow_insecure_cipher_suites: true\ncipher_suites: [${name}]`)
      cipherList([name])
    }
    const missing = [...cipherSuites.keys()].filter(one => ![...good, ...weak].includes(one))
    for (const name of missing) assert.throws(() => cipherList([name]), 'is known here')
  })
  it('lists the curves that a config and OpenSSL take', () => {
    const found = listed('Available curve preferences include')
    assert.ok(found.includes('CurveP256') && found.includes('X25519'))
    for (const name of found) {
      assert.equal(tlsOf(`curve_preferences: [${name}]`).curve_preferences, [name])
      assert.ok(curveList([name]).length > 0)
    }
    for (const name of curves.keys()) {
      if (!found.includes(name)) assert.throws(() => curveList([name]), 'is known here')
    }
  })
  it('keeps its example valid, and is named by the help', () => {
    const [example = ''] = /^ {4}tls \{[\s\S]*?^ {4}\}/m.exec(tlsHelpText()) ?? []
    assert.is(optionsOf(example).tls?.timeout, 2000)
    assert.match(helpText(), '--help_tls')
  })
})
