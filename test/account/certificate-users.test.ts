import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import type { User } from '../../src/account/authenticate.ts'
import { certificateNames } from '../../src/account/certificate-names.ts'
import { CertificateUsers } from '../../src/account/certificate-users.ts'
import { nameKey, parseName } from '../../src/account/distinguished-name.ts'
import { newCertificates, newClient } from '../support/certificates.ts'
import { spec } from '../support/spec.ts'

const names: readonly (readonly [string, readonly (readonly string[])[] | null])[] = [
  ['CN=a', [['CN=a']]],
  [' CN = a b  , O=c ', [['CN=a b'], ['O=c']]],
  ['CN=a+OU=b,O=c', [['CN=a', 'OU=b'], ['O=c']]],
  ['CN=a\\, b\\ ,O=\\43', [['CN=a, b '], ['O=C']]],
  ['CN=J\\c3\\bcrgen', [['CN=Jürgen']]],
  ['CN=Jürgen 😀', [['CN=Jürgen 😀']]],
  ['CN=', [['CN=']]],
  ['CN=a=b', [['CN=a=b']]],
  ['', null],
  ['a', null],
  ['=a', null],
  ['CN=#0401', null],
  ['CN=a,', [['CN=a']]],
  ['CN=a+', null],
  ['CN=a\\', null],
  ['CN=a\\4', null],
  ['CN=a\\zz', null],
]

const userOf = (name: string): User => ({ name, password: '', account: 'A', permissions: null })

spec('names in certificates', it => {
  for (const [text, expected] of names) {
    it(`reads ${JSON.stringify(text)}`, () => {
      const name = parseName(text)
      const shown = name?.map(one => one.map(({ type, value }) => `${type.trim()}=${value}`))
      assert.equal(shown ?? null, expected)
    })
  }

  it('are not found inside of values', () => {
    const files = newCertificates()
    const { cert } = newClient(files, '/CN=x, DNS:admin', 'email:c@d, DNS:y')
    const certificate = new X509Certificate(readFileSync(cert))
    const users = new Map(['admin', 'x', 'CN=x'].map(name => [name, userOf(name)]))
    const found = new CertificateUsers(new Set(['STANDARD']), users).find(certificate, 'STANDARD')
    assert.is(found, null)
    assert.equal(certificateNames(certificate).alternatives, ['c@d', 'y'])
  })

  it('are none in bytes that are no certificate, wherever they end', () => {
    const files = newCertificates()
    const { raw } = new X509Certificate(readFileSync(files.clientCert))
    for (let bytes = 0; bytes < raw.length; bytes++) {
      const cut = { raw: raw.subarray(0, bytes) } as X509Certificate
      assert.equal(certificateNames(cut).alternatives, [])
      const changed = Buffer.from(raw)
      changed[bytes] = (changed[bytes] as number) ^ 0xff
      certificateNames({ raw: changed } as X509Certificate)
    }
  })

  it('have one key in whatever order they stand', () => {
    const key = (text: string) => nameKey(parseName(text) ?? [], true)
    assert.is(key('CN=a,O=b'), key('o=b,cn=a'))
    assert.is.not(key('CN=a,O=b'), key('CN=b,O=a'))
    assert.is.not(key('CN=a,CN=a'), key('CN=a'))
  })
})
