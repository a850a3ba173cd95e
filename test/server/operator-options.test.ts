// The options of operator mode: what is read of them, and every error, in the words that
// nats-server 2.10 has for the same file.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { createNKey } from '../../src/account/nkey.ts'
import { writeCreds } from '../../src/account/creds.ts'
import { formatProblem } from '../../src/server/check.ts'
import { loadConfig } from '../../src/server/config.ts'
import { parseFlags } from '../../src/server/flags.ts'
import { serverBlock } from '../../src/server/options.ts'
import { scratch } from '../support/directory.ts'
import { newAccount, operatorJwt } from '../support/jwt.ts'
import { natsServer } from '../support/peers.ts'
import { spec } from '../support/spec.ts'

const operator = createNKey('operator')
const account = newAccount(operator)
const system = newAccount(operator)
const jwt = operatorJwt(operator)
const withSystem = operatorJwt(operator, { system_account: system.publicKey })
const dir = scratch('operator')
const file = join(dir, 'o.jwt')
writeFileSync(file, writeCreds(jwt, operator.seed))

function load(text: string) {
  const parsed = parseFlags([])
  assert.ok(parsed.is === 'parsed')
  const flags = { ...parsed.flags, config: 'f' }
  return loadConfig(serverBlock, flags, { read: () => text, env: {} })
}

const mode = `operator: "${jwt}"\nresolver: MEMORY\n`
/** Texts that nats-server has of its own: `theirs` is what it says, where ours is another. */
const rows: readonly (readonly [name: string, text: string, ours: RegExp, theirs?: RegExp])[] = [
  ['no file', 'operator: /nowhere', /error parsing operator JWT: open \/nowhere: no such file/],
  ['no JWT', 'operator: eyJx', /error parsing operator JWT: expected 3 chunks/],
  ['an account', `operator: "${account.jwt()}"`, /error parsing operator JWT: not operator claim/],
  ['no resolver', `operator: "${jwt}"`, /operators require an account resolver/, /./],
  ['accounts', `${mode}accounts { A {} }`, /operators do not allow Accounts to be configured/],
  [
    'users',
    `${mode}authorization { users: [{ user: a, password: b }] }`,
    /operators do not allow users to be configured directly/,
  ],
  [
    'a callout',
    `${mode}authorization { auth_callout { issuer: ${account.publicKey}, auth_users: [ ${createNKey('user').publicKey} ] } }`,
    /operators do not allow authorization callouts to be configured directly/,
  ],
  [
    'trusted keys too',
    `${mode}trusted: ${createNKey('operator').publicKey}`,
    /conflicting options for 'TrustedKeys' and 'TrustedOperators'/,
  ],
  ['a trusted key', 'trusted: x', /trust key "x" required to be a valid public operator nkey/],
  [
    'another system account',
    `operator: "${withSystem}"\nresolver: MEMORY\nsystem_account: ${account.publicKey}`,
    /system_account in config and operator JWT must be identical/,
  ],
  [
    'no system account with a folder',
    `operator: "${jwt}"\nresolver: { type: full, dir: "${dir}" }`,
    /using nats based account resolver - the system account needs to be specified/,
  ],
  [
    'a newer server',
    `operator: "${operatorJwt(operator, { assert_server_version: '99.1.2' })}"\nresolver: MEM`,
    /expected major version 99 > server major version 2$/,
    /expected major version 99 > server major version 2/,
  ],
  [
    'a version that is none',
    `operator: "${operatorJwt(operator, { assert_server_version: 'x' })}"\nresolver: MEM`,
    /expects version x got error instead: asserted server version must be of the form/,
  ],
  [
    'a pinned account',
    `${mode}resolver_pinned_accounts: x`,
    /pinned account key "x" is not a valid/,
  ],
  ['no_auth_user', `${mode}no_auth_user: x`, /no_auth_user not compatible with Trusted Operator/],
  ['a resolver', 'resolver: X', /error parsing account resolver, should be MEM or/],
  [
    'a resolver of no type',
    `resolver: { dir: "${dir}" }`,
    /error parsing account resolver, should/,
  ],
  ['no folder', 'resolver: { type: full }', /dir has no value and needs to point to a directory/],
  ['a file', `resolver: { type: full, dir: "${file}" }`, /dir needs to point to an accessible/],
  ['ttl', `resolver: { type: full, dir: "${dir}", ttl: "1h" }`, /FULL does not accept ttl/],
  [
    'hard_delete alone',
    `resolver: { type: full, dir: "${dir}", hard_delete: true }`,
    /hard_delete has no effect without delete/,
  ],
  [
    'interval of a cache',
    `resolver: { type: cache, dir: "${dir}", interval: "1h" }`,
    /CACHE does not accept sync/,
  ],
  [
    'deletes of a cache',
    `resolver: { type: cache, dir: "${dir}", allow_delete: true }`,
    /CACHE does not accept allow_delete/,
  ],
  ['preloads', 'resolver_preload: x', /preload should be a map of account_public_key:account_jwt/],
  ['a preload', 'resolver_preload { x: 1 }', /preload map value should be a string JWT/],
  ['a wrong preload', 'resolver_preload { x: y }', /invalid account JWT/],
]

/** Keys that 2.10 does not know. */
const newRows: readonly (readonly [name: string, text: string, ours: RegExp])[] = [
  ['a sentinel', 'default_sentinel: x', /default sentinel requires operators and accounts/],
  ['a wrong sentinel', `${mode}default_sentinel: x`, /default sentinel JWT not valid/],
  [
    'a sentinel that must sign',
    `${mode}default_sentinel: "${account.user().jwt}"`,
    /default sentinel must be a bearer token/,
  ],
  [
    'a leaf node without an account',
    `${mode}leafnodes { remotes: [{ url: "nats-leaf://h" }] }`,
    /operator mode requires account nkeys in remotes/,
  ],
]

spec('operator options', it => {
  for (const [name, text, ours] of [...rows, ...newRows]) {
    it(`refuses ${name}`, () => {
      const texts = load(text).errors.map(formatProblem)
      assert.ok(
        texts.some(one => ours.test(one)),
        texts.join('\n'),
      )
    })
  }

  it('reads files, with lines of dashes too', () => {
    const { options, errors } = load(`operators: ["${file}"]\nresolver: MEM`)
    assert.equal(errors, [])
    assert.is(options.operator[0]?.subject, operator.publicKey)
  })

  it('takes from the operator what the config leaves out', () => {
    const claims = { system_account: system.publicKey, account_server_url: 'http://h/jwt/v1' }
    const text = `operator: "${operatorJwt(operator, claims)}"`
    const { options, errors } = load(text)
    assert.equal(errors, [])
    assert.is(options.system_account, system.publicKey)
    assert.equal(options.resolver, { is: 'url', url: 'http://h/jwt/v1/accounts' })
    assert.equal(load(`${text}\nresolver: MEMORY`).options.resolver, { is: 'memory' })
  })

  it('reads every form of a resolver', () => {
    const full = `resolver: { type: FULL, dir: "${dir}", limit: 5, interval: "5m", timeout: "2s", allow_delete: true }`
    assert.equal(load(full).options.resolver, {
      is: 'full',
      dir,
      filesMax: 5,
      fetchMs: 2000,
      deletes: 'rename',
      intervalMs: 300_000,
    })
    const cache = `resolver: { type: cache, dir: "${dir}", ttl: "1h" }`
    assert.equal(load(cache).options.resolver, {
      is: 'cache',
      dir,
      filesMax: 0,
      fetchMs: 1900,
      ttlMs: 3_600_000,
    })
    for (const text of ['URL(http://h/)', '"URL(http://h/)"', '\'url("http://h/")\'']) {
      assert.equal(load(`resolver: ${text}`).options.resolver, { is: 'url', url: 'http://h/' })
    }
  })
})

spec('operator options with nats-server', it => {
  for (const [name, text, ours, theirs = ours] of rows) {
    it(`refuses ${name}`, () => {
      const conf = join(dir, 'nats.conf')
      writeFileSync(conf, `listen: "127.0.0.1:-1"\n${text}\n`)
      // It looks at some rules only when it starts; then it ends at once.
      const { stderr } = spawnSync(natsServer('2.10'), ['-c', conf], {
        encoding: 'utf8',
        timeout: 5000,
      })
      assert.match(stderr, theirs)
    })
  }
})
