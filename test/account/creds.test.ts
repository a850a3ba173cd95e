import * as assert from 'uvu/assert'
import { readCreds, writeCreds } from '../../src/account/creds.ts'
import { createNKey } from '../../src/account/nkey.ts'
import { spec } from '../support/spec.ts'

const jwt = 'eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJqdGkiOiJYIn0.c2ln-_natur'

spec('creds', it => {
  it('reads what nsc writes, with either line end', () => {
    const key = createNKey('user')
    const text = writeCreds(jwt, key.seed)
    for (const file of [text, text.replaceAll('\n', '\r\n'), `# mine\n${text}\n`, text.trimEnd()]) {
      const creds = readCreds(file)
      assert.type(creds, 'object')
      if (typeof creds === 'string') continue
      assert.is(creds.jwt, jwt)
      assert.is(creds.key.publicKey, key.publicKey)
    }
  })

  it('says what is wrong', () => {
    const key = createNKey('user')
    assert.is(readCreds(''), 'Credentials file malformed')
    assert.is(readCreds(jwt), 'Credentials file malformed')
    assert.is(readCreds(writeCreds('', key.seed)), 'Credentials file malformed')
    assert.is(readCreds(writeCreds(jwt, '')), 'Credentials file malformed')
    assert.is(readCreds(writeCreds(jwt, key.publicKey)), 'Credentials file has malformed seed')
    assert.is(readCreds(writeCreds(jwt, `${key.seed}A`)), 'Credentials file has malformed seed')
  })
})
