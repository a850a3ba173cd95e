// The rules for what JWTs claim, one row each, in nats-server's words; templates, networks, hours.

import * as assert from 'uvu/assert'
import { createNKey } from '../../src/account/nkey.ts'
import { isFrom } from '../../src/operator/cidr.ts'
import { readAccount, readUser, type PermissionClaims } from '../../src/operator/claims.ts'
import { fillTemplate } from '../../src/operator/template.ts'
import { allowedMs } from '../../src/operator/times.ts'
import { Trust } from '../../src/operator/trust.ts'
import { permissionsOf } from '../../src/operator/user-permissions.ts'
import { validateAccount, validateUser } from '../../src/operator/validate.ts'
import { newAccount, operatorJwt, sign } from '../support/jwt.ts'
import { readOperator } from '../../src/operator/claims.ts'
import { spec } from '../support/spec.ts'

const operator = createNKey('operator')
const account = newAccount(operator)
const other = newAccount(operator)
const now = 1_000_000

type Row = readonly [name: string, nats: object, issue: string | null]

const stream = (subject: string, more: object = {}) => ({ subject, type: 'stream', ...more })
const service = (subject: string, more: object = {}) => ({ subject, type: 'service', ...more })
const from = (one: object) => ({ account: other.publicKey, ...one })
const activation = (
  subject: string,
  kind = 'stream',
  signer = other.key,
  sub = account.publicKey,
) => sign(signer, sub, 'X', { subject, kind, type: 'activation' })

const accountRows: readonly Row[] = [
  ['nothing special', {}, null],
  ['a blank in a subject', { exports: [stream('a b')] }, 'subject "a b" cannot have spaces'],
  ['no subject', { exports: [stream('')] }, 'subject cannot be empty'],
  ['a dot at the end', { exports: [stream('a.')] }, 'subject "a." cannot start or end with a `.`'],
  ['two dots', { exports: [stream('a..b')] }, 'subject "a..b" cannot contain consecutive `.`'],
  ['an export of no type', { exports: [{ subject: 'a' }] }, 'invalid export type: "unknown"'],
  [
    'a response type',
    { exports: [service('a', { response_type: 'X' })] },
    'invalid response type for service: "X"',
  ],
  [
    'a response type of a stream',
    { exports: [stream('a', { response_type: 'Stream' })] },
    'invalid response type for stream: "Stream"',
  ],
  [
    'latency of a stream',
    { exports: [stream('a', { service_latency: { sampling: 1, results: 'x' } })] },
    'latency tracking only permitted for services',
  ],
  [
    'sampling',
    { exports: [service('a', { service_latency: { sampling: 101, results: 'x' } })] },
    'sampling percentage needs to be between 1-100',
  ],
  [
    'sampling by headers',
    { exports: [service('a', { service_latency: { sampling: 'headers', results: 'x' } })] },
    null,
  ],
  [
    'latency to a wildcard',
    { exports: [service('a', { service_latency: { sampling: 1, results: 'x.*' } })] },
    'results subject can not contain wildcards',
  ],
  [
    'a threshold below nought',
    { exports: [service('a', { response_threshold: -1 })] },
    'negative response threshold is invalid',
  ],
  [
    'a position without a wildcard',
    { exports: [stream('a.b', { account_token_position: 1 })] },
    'Account Token Position can only be used with wildcard subjects: a.b',
  ],
  [
    'a position that is no wildcard',
    { exports: [stream('a.*', { account_token_position: 1 })] },
    "Account Token Position 1 matches 'a' but must match a * in: a.*",
  ],
  [
    'a position too far',
    { exports: [stream('a.*', { account_token_position: 3 })] },
    "Account Token Position 3 exceeds length of subject 'a.*'",
  ],
  [
    'an export within another',
    { exports: [service('a.*'), service('a.b')] },
    'service export subject "a.*" already exports "a.b"',
  ],
  ['a stream within a service', { exports: [service('a.*'), stream('a.b')] }, null],
  [
    'too many exports',
    { limits: { exports: 0 }, exports: [stream('a')] },
    'the account contains more exports than allowed by the operator',
  ],
  [
    'a wildcard export',
    { limits: { exports: 1, wildcards: false }, exports: [stream('a.*')] },
    'the account contains wildcard exports that are not allowed by the operator',
  ],
  [
    'too many imports',
    { limits: { imports: 0 }, imports: [from(stream('a'))] },
    'the account contains more imports than allowed by the operator',
  ],
  ['an import from nobody', { imports: [stream('a')] }, 'account to import from is not specified'],
  ['an import of no type', { imports: [from({ subject: 'a' })] }, 'invalid import type: "unknown"'],
  [
    'shared information of a stream',
    { imports: [from(stream('a', { share: true }))] },
    'sharing information (for latency tracking) is only valid for services: "a"',
  ],
  [
    'the old word for the local subject',
    { imports: [from(stream('a', { to: 'x' }))] },
    'the field to has been deprecated (use LocalSubject instead)',
  ],
  [
    'both words',
    { imports: [from(stream('a', { to: 'x', local_subject: 'y' }))] },
    'Local Subject replaces To',
  ],
  [
    'a tail that is lost',
    { imports: [from(stream('a.>', { local_subject: 'y' }))] },
    'both, renaming subject and subject, need to end or not end in >',
  ],
  [
    'a reference too far',
    { imports: [from(stream('a.*', { local_subject: 'y.$2' }))] },
    'Reference $2 in "y.$2" reference * in "a.*" that do not exist',
  ],
  ['a reference', { imports: [from(stream('a.*', { local_subject: 'y.$1' }))] }, null],
  [
    'a wildcard that is lost',
    { imports: [from(stream('a.*', { local_subject: 'y' }))] },
    'subject does not contain enough * or reference wildcards $[0-9]',
  ],
  [
    'services in each other',
    { imports: [from(service('a.b')), from(service('a.*'))] },
    `overlapping subject namespace for "a.*" and "a.b" in same account "${other.publicKey}"`,
  ],
  [
    'an activation that is none',
    { imports: [from(stream('a', { token: 'x' }))] },
    'import "a" contains an invalid activation token',
  ],
  ['an activation', { imports: [from(stream('a', { token: activation('a') }))] }, null],
  [
    'an activation of a stranger',
    { imports: [from(stream('a', { token: activation('a', 'stream', account.key) }))] },
    'activation token doesn\'t match account for import "a"',
  ],
  [
    'an activation for somebody else',
    {
      imports: [
        from(stream('a', { token: activation('a', 'stream', other.key, other.publicKey) })),
      ],
    },
    'activation token doesn\'t match account it is being included in, "a"',
  ],
  [
    'an activation for a service',
    { imports: [from(stream('a', { token: activation('a', 'service') }))] },
    'mismatch between token import type service and type of import stream',
  ],
  [
    'an activation for another subject',
    { imports: [from(stream('a', { token: activation('b') }))] },
    'activation token import subject "b" doesn\'t match import "a"',
  ],
  ['a signing key', { signing_keys: ['x'] }, '"x" is not a valid account signing key'],
  [
    'a scoped signing key',
    { signing_keys: [{ kind: 'user_scope', key: 'x', template: {} }] },
    'x is not an account public key',
  ],
  [
    'queues where one publishes',
    { default_permissions: { pub: { allow: ['a q'] } } },
    'Permission Subject "a q" is not allowed to contain queue',
  ],
  ['queues where one subscribes', { default_permissions: { sub: { allow: ['a q'] } } }, null],
  [
    'too many blanks',
    { default_permissions: { sub: { deny: ['a b c'] } } },
    'Permission Subject "a b c" contains too many spaces',
  ],
  [
    'a mapping beyond a hundred',
    {
      mappings: {
        a: [
          { subject: 'b', weight: 60 },
          { subject: 'c', weight: 60 },
        ],
      },
    },
    'Mapping "a" exceeds 100% among all of it\'s weighted to mappings',
  ],
  [
    'a mapping of clusters',
    { mappings: { a: [{ subject: 'b' }, { subject: 'c', cluster: 'x' }] } },
    null,
  ],
  [
    'callout accounts without users',
    { authorization: { allowed_accounts: ['*'] } },
    'External authorization cannot have accounts without users specified',
  ],
  [
    'a callout user',
    { authorization: { auth_users: ['x'] } },
    'AuthUser "x" is not a valid user public key',
  ],
  [
    'a trace to a wildcard',
    { trace: { dest: 'a.*' } },
    'the account Trace.Destination subject "a.*" is not a valid publish subject',
  ],
  ['an URL', { info_url: 'x' }, 'error parsing info url: no hostname or scheme'],
  ['a description', { description: 'x'.repeat(8193) }, 'Description is too long'],
  ['cluster traffic', { cluster_traffic: 'x' }, 'unknown cluster traffic option: "x"'],
  [
    'a tier without a name',
    { limits: { tiered_limits: { '': { disk_storage: 1 } } } },
    'Tiered JetStream Limits can not contain a blank "" tier name',
  ],
]

const userRows: readonly Row[] = [
  ['nothing special', {}, null],
  ['a network', { src: ['10.0.0.0'] }, 'invalid cidr "10.0.0.0" in user src limits'],
  ['a network too wide', { src: ['10.0.0.0/33'] }, 'invalid cidr "10.0.0.0/33" in user src limits'],
  [
    'a time',
    { times: [{ start: '24:00:00', end: '1:00:00' }] },
    'start in time range is invalid "24:00:00"',
  ],
  ['no start', { times: [{ end: '01:00:00' }] }, 'time ranges start must contain a start'],
  ['no end', { times: [{ start: '01:00:00' }] }, 'time ranges end must contain an end'],
  [
    'a place',
    { times_location: 'Mars/Olympus' },
    'could not parse iana time zone by name: unknown time zone Mars/Olympus',
  ],
  ['an account', { issuer_account: 'x' }, 'account_id is not an account public key'],
]

spec('claims', it => {
  for (const [name, nats, issue] of accountRows) {
    it(`account: ${name}`, () => {
      const claims = readAccount(account.jwt(nats))
      assert.ok(typeof claims !== 'string', String(claims))
      const issues = validateAccount(claims, now).list.map(one => one.description)
      if (issue === null) assert.equal(issues, [])
      else assert.ok(issues.includes(issue), issues.join('; '))
    })
  }

  for (const [name, nats, issue] of userRows) {
    it(`user: ${name}`, () => {
      const claims = readUser(account.user(nats).jwt)
      assert.ok(typeof claims !== 'string', String(claims))
      assert.equal(
        validateUser(claims, now).list.map(one => one.description),
        issue === null ? [] : [issue],
      )
    })
  }

  it('expires after its second, not in it', () => {
    const claims = readUser(account.user({}, { exp: now, nbf: now }).jwt)
    assert.ok(typeof claims !== 'string')
    assert.equal(validateUser(claims, now).list, [])
    assert.is(validateUser(claims, now + 1).list[0]?.description, 'claim is expired')
    assert.is(validateUser(claims, now - 1).list[0]?.description, 'claim is not yet valid')
    assert.not(validateUser(claims, now + 1).blocks({ withTime: false }))
  })

  it('reads storage limits, flat and in tiers', () => {
    const flat = readAccount(
      account.jwt({ limits: { mem_storage: -1, disk_storage: 5, streams: 2 } }),
    )
    assert.ok(typeof flat !== 'string')
    assert.is(flat.limits.streams.get('')?.diskBytesMax, 5)
    const tiers = { R1: { disk_storage: 7 }, R3: {} }
    const tiered = readAccount(account.jwt({ limits: { disk_storage: 1, tiered_limits: tiers } }))
    assert.ok(typeof tiered !== 'string')
    assert.equal([...tiered.limits.streams.keys()], ['R1'])
  })
})

const none = { allow: [], deny: [] }

function filled(publish: { allow?: string[]; deny?: string[] }, tags: readonly string[] = []) {
  const user = readUser(account.user({ tags, scoped: true }, { name: 'bob' }).jwt)
  assert.ok(typeof user !== 'string')
  const template: PermissionClaims = {
    publish: { ...none, ...publish },
    subscribe: none,
    responses: null,
  }
  const found = fillTemplate(template, user, { name: 'ACC', tags: ['zone:z'] })
  return typeof found === 'string' ? found : found.publish
}

spec('templates', it => {
  it('fills in what there is', () => {
    const tags = ['t:1', 't:2', 'u:x']
    const allow = ['{{ Name() }}.{{account-name()}}', '{{tag(t)}}.{{tag(u)}}.{{account-tag(ZONE)}}']
    assert.equal(filled({ allow }, tags), { allow: ['bob.ACC', '1.x.z', '2.x.z'], deny: [] })
  })

  it('fills in the same tag everywhere alike', () => {
    assert.equal(filled({ allow: ['{{tag(t)}}.{{tag(t)}}'] }, ['t:1', 't:2']), {
      allow: ['1.1', '2.2'],
      deny: [],
    })
  })

  it('denies everything where nothing is left', () => {
    assert.equal(filled({ allow: ['{{tag(t)}}'] }), { allow: [], deny: ['>'] })
  })

  it('refuses denies that come to nothing, and words it does not know', () => {
    assert.match(String(filled({ deny: ['{{tag(t)}}'] })), /^generated invalid subject/)
    assert.match(String(filled({ allow: ['{{no()}}'] })), /is not defined$/)
  })

  it('takes a value as text, whatever it says', () => {
    assert.equal(filled({ allow: ['{{tag(t)}}.x'] }, ['t:$&', 't:{{name()}}']), {
      allow: ['$&.x', '{{name()}}.x'],
      deny: [],
    })
  })

  it('makes 4096 subjects and not one more', () => {
    const tags = [...Array(64).keys()].flatMap(i => [`a:${i}`, `b:${i}`])
    const allow = ['{{tag(a)}}.{{tag(b)}}']
    const most = filled({ allow }, tags)
    assert.is(typeof most === 'string' ? most : most.allow.length, 4096)
    assert.match(String(filled({ allow: [...allow, '{{tag(a)}}'] }, tags)), /more than 4096/)
  })
})

spec('users', it => {
  it('may do everything where nothing is said', () => {
    assert.is(permissionsOf({ publish: none, subscribe: none, responses: null }), null)
  })

  it('that may answer may publish nothing else', () => {
    const rights = permissionsOf({
      publish: none,
      subscribe: none,
      responses: { max: 0, expiresNs: -1 },
    })
    assert.equal(rights?.lists.publishAllow, [])
    assert.equal(rights?.responses, { max: 1, expiresMs: -1 })
  })

  it('come from networks', () => {
    const sources = ['10.0.0.0/8', 'fd00::/8']
    assert.ok(isFrom([], ''))
    assert.ok(isFrom(sources, '10.1.2.3'))
    assert.ok(isFrom(sources, '::ffff:10.1.2.3'))
    assert.ok(isFrom(sources, 'fd00::1'))
    assert.not(isFrom(sources, '11.1.2.3'))
    assert.not(isFrom(sources, 'fe80::1'))
    assert.not(isFrom(sources, ''))
  })

  it('stay for hours, over midnight too, in their time zone', () => {
    const at = (text: string) => Date.parse(`2026-03-10T${text}Z`)
    const day = [{ start: '08:00:00', end: '17:00:00' }]
    assert.is(allowedMs(day, 'UTC', at('16:59:58.500')), 1500)
    assert.is(allowedMs(day, 'UTC', at('08:00:00')), 0)
    assert.is(allowedMs(day, 'UTC', at('17:00:00')), 0)
    const night = [{ start: '22:00:00', end: '06:00:00' }]
    assert.is(allowedMs(night, 'UTC', at('23:00:00')), 7 * 3_600_000)
    assert.is(allowedMs(night, 'UTC', at('05:00:00')), 3_600_000)
    assert.is(allowedMs(night, 'UTC', at('12:00:00')), 0)
    assert.is(allowedMs([...day, ...night], 'UTC', at('16:00:00')), 3_600_000)
    assert.is(allowedMs(day, 'Asia/Tokyo', at('07:00:00')), 3_600_000)
    assert.is(allowedMs([], 'UTC', 0), Number.POSITIVE_INFINITY)
  })
})

spec('trust', it => {
  const signing = createNKey('operator')
  const of = (nats: object) => {
    const claims = readOperator(operatorJwt(operator, nats))
    assert.ok(typeof claims !== 'string')
    return new Trust([claims], [])
  }

  it('is in the operator and its signing keys', () => {
    const trust = of({ signing_keys: [signing.publicKey] })
    assert.ok(trust.signs(operator.publicKey))
    assert.ok(trust.signs(signing.publicKey))
    assert.not(trust.signs(createNKey('operator').publicKey))
    assert.not(trust.isStrict(signing.publicKey))
    assert.ok(trust.mayDelete(operator.publicKey))
  })

  it('is in the signing keys only of a strict one', () => {
    const trust = of({ signing_keys: [signing.publicKey], strict_signing_key_usage: true })
    assert.not(trust.signs(operator.publicKey))
    assert.ok(trust.signs(signing.publicKey))
    assert.ok(trust.isStrict(signing.publicKey))
    assert.is(trust.lockedKey, operator.publicKey)
    assert.not(trust.mayDelete(operator.publicKey))
  })
})
