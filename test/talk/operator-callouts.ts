// Auth callout in operator mode: the JWT of an account says which service is asked about its users
// (ADR-26). Each talk is held with our broker and with nats-server, with one expectation.

import * as assert from 'uvu/assert'
import { createNKey } from '../../src/account/nkey.ts'
import { newXKey, type XKey } from '../../src/callout/xkey.ts'
import { type Answer, type CalloutRequest, response, serve } from '../support/callout.ts'
import { newAccount, userJwt } from '../support/jwt.ts'
import {
  account,
  accepted,
  bring,
  configOf,
  enter,
  ended,
  operator,
  plainKey,
  pushed,
  scope,
  scoped,
  violation,
} from '../support/operators.ts'
import type { Talk } from '../support/talk.ts'
import type { HeldTalk } from './held.ts'

const service = account.user()
const device = account.user({ bearer_token: true, pub: { deny: ['>'] }, sub: { deny: ['>'] } })
const app = newAccount(operator, 'APP')
const appKey = createNKey('account')
const appScope = createNKey('account')
const other = newAccount(operator, 'OTHER')

const authorization = (more: object = {}) => ({
  authorization: { auth_users: [service.publicKey], ...more },
})

/** The account's claims, and two more accounts. */
function config(nats: object = authorization(), more = ''): string {
  const template = { pub: { allow: ['{{name()}}.>'] }, subs: -1, data: -1, payload: -1 }
  const keys = [
    appKey.publicKey,
    { kind: 'user_scope', key: appScope.publicKey, role: 'r', template },
  ]
  const others = [
    `${app.publicKey}: "${app.jwt({ signing_keys: keys })}"`,
    `${other.publicKey}: "${other.jwt()}"`,
  ]
  return configOf({ nats, others, more: `authorization { timeout: 1 }\n${more}` })
}

interface How {
  /** Of the user; the account's own unless told. */
  readonly signer?: typeof account.key
  readonly of?: string
  readonly nats?: object
  readonly times?: object
  /** Of the answer. */
  readonly by?: typeof account.key
  readonly inName?: string
}

function admit(how: How = {}): Answer {
  return ({ nats }) => {
    const { signer = account.key, of, by = account.key, inName } = how
    const rights = { ...how.nats, ...(of === undefined ? {} : { issuer_account: of }) }
    const jwt = userJwt(signer, nats.user_nkey, rights, { name: 'bob', ...how.times })
    const what = { jwt, ...(inName === undefined ? {} : { issuer_account: inName }) }
    return response(by, nats.user_nkey, nats.server_id.id, what)
  }
}

async function withService(
  port: number,
  answer: Answer,
  act: (asked: CalloutRequest[]) => Promise<void>,
): Promise<void> {
  const { talk, asked } = await serve(enter(port, service), answer)
  try {
    await act(asked)
  } finally {
    talk.close()
  }
}

async function refused(port: number, fields: object = {}): Promise<void> {
  await ended(await bring(port, device, { sig: 'none', fields }), violation, 8000)
}

/** 2.10 may close without a word. */
async function unanswered(port: number): Promise<void> {
  const talk = await bring(port, device, { sig: 'none' })
  await talk.expect(/^(PING\r\n)?-ERR '[^']+'\r\n/, 8000).catch(() => assert.is(talk.pending, ''))
  await talk.expectEnd()
}

const come = (port: number, fields: object = {}) => enter(port, device, { sig: 'none', fields })

async function canTalk(from: Talk, to: Talk): Promise<void> {
  to.send('SUB a 1\r\n')
  await to.sync()
  from.send('PUB a 2\r\nhi\r\n')
  await to.expect('MSG a 1 2\r\nhi\r\n')
}

const mayNotPublish = (subject: string) =>
  `-ERR 'Permissions Violation for Publish to "${subject}"'\r\n`

export const operatorCalloutTalks: readonly HeldTalk[] = [
  {
    name: 'asks the service of the account, and takes its user',
    config: () => config(),
    run: port =>
      withService(port, admit({ nats: { pub: { deny: ['no'] } } }), async asked => {
        const talk = await come(port, { name: 'n', user: 'u', pass: 'p' })
        talk.send('PUB no 0\r\n\r\n')
        await talk.expect(mayNotPublish('no'))
        talk.send('PUB $SYS.REQ.USER.AUTH 0\r\n\r\n')
        await talk.expect(mayNotPublish('$SYS.REQ.USER.AUTH'))
        const known = await enter(port, service)
        await canTalk(talk, known)
        const [request] = asked
        const { client_info: who = {}, connect_opts: said = {} } = request?.nats ?? {}
        assert.is(asked.length, 1)
        assert.is(request?.sub, account.publicKey)
        assert.is(said.jwt, device.jwt)
        assert.equal([said.user, said.pass, who.user], ['u', 'p', 'u'])
        assert.equal([who.name, who.name_tag, who.kind], ['n', 'U', 'Client'])
        for (const one of [talk, known]) one.close()
      }),
  },
  {
    name: 'the service itself may not ask',
    config: () => config(),
    run: async port => {
      const talk = await enter(port, service)
      talk.send('PUB $SYS.REQ.USER.AUTH 0\r\n\r\n')
      await talk.expect(mayNotPublish('$SYS.REQ.USER.AUTH'))
      talk.close()
    },
  },
  {
    name: 'refuses whom the service refuses, and all while it is not there',
    config: () => config(),
    run: async port => {
      await unanswered(port)
      const no: Answer = ({ nats }) =>
        response(account.key, nats.user_nkey, nats.server_id.id, { error: 'no' })
      await withService(port, no, () => refused(port))
    },
  },
  {
    name: 'a JWT has to be good before anybody is asked',
    config: () => config(),
    run: port =>
      withService(port, admit(), async asked => {
        const user = account.user()
        await ended(await bring(port, user, { sig: 'bad' }), violation, 8000)
        await ended(await bring(port, other.user(), { jwt: 'noise' }), violation, 8000)
        assert.is(asked.length, 0)
        await accepted(port, user)
        assert.is(asked.length, 1)
      }),
  },
  {
    name: 'users of signing keys, also with a template',
    config: () => config({ ...authorization(), ...scoped({ pub: { allow: ['{{name()}}.x'] } }) }),
    run: async port => {
      await withService(port, admit({ signer: plainKey, of: account.publicKey }), async () => {
        const talk = await come(port)
        talk.close()
      })
      const scopedUser = { signer: scope, of: account.publicKey, nats: { scoped: true } }
      await withService(port, admit(scopedUser), async () => {
        const talk = await come(port)
        talk.send('PUB bob.x 0\r\n\r\nPUB bob.y 0\r\n\r\n')
        await talk.expect(mayNotPublish('bob.y'))
        talk.close()
      })
      const tooMuch = { signer: scope, of: account.publicKey, nats: { subs: 5 } }
      await withService(port, admit(tooMuch), () => refused(port))
      await withService(port, admit({ by: plainKey }), async () => {
        const talk = await come(port)
        talk.close()
      })
    },
  },
  {
    name: 'puts users into the accounts that are allowed',
    config: () => config(authorization({ allowed_accounts: [app.publicKey] })),
    run: async port => {
      await withService(port, admit({ signer: app.key }), async () => {
        const talk = await come(port)
        const there = await enter(port, app.user())
        await canTalk(talk, there)
        // It is not in the account of the service.
        talk.send('PUB $SYS.REQ.USER.AUTH 0\r\n\r\n')
        await talk.sync()
        for (const one of [talk, there]) one.close()
      })
      await withService(port, admit({ signer: appKey, of: app.publicKey }), async () => {
        const talk = await come(port)
        talk.close()
      })
      const template = { signer: appScope, of: app.publicKey, nats: { scoped: true } }
      await withService(port, admit(template), async () => {
        const talk = await come(port)
        talk.send('PUB bob.x 0\r\n\r\nPUB ann.x 0\r\n\r\n')
        await talk.expect(mayNotPublish('ann.x'))
        talk.close()
      })
      await withService(port, admit({ signer: other.key }), () => refused(port))
    },
  },
  {
    name: 'any account, when all are allowed',
    config: () => config(authorization({ allowed_accounts: ['*'] })),
    run: port =>
      withService(port, admit({ signer: other.key }), async () => {
        const talk = await come(port)
        const there = await enter(port, other.user())
        await canTalk(talk, there)
        for (const one of [talk, there]) one.close()
      }),
  },
  {
    name: 'refuses what strangers sign, and what is for others',
    config: () => config(authorization({ allowed_accounts: [app.publicKey] })),
    run: async port => {
      const stranger = createNKey('account')
      const elsewhere = createNKey('user').publicKey
      const answers: Answer[] = [
        () => 'noise',
        admit({ by: stranger }),
        admit({ signer: stranger }),
        admit({ signer: stranger, of: account.publicKey }),
        admit({ signer: appKey, of: account.publicKey }),
        admit({ signer: account.key, of: app.publicKey }),
        admit({ times: { exp: 1000 } }),
        ({ nats }) => {
          const jwt = userJwt(account.key, elsewhere)
          return response(account.key, nats.user_nkey, nats.server_id.id, { jwt })
        },
        ({ nats }) => {
          const jwt = userJwt(account.key, nats.user_nkey)
          const server = createNKey('server').publicKey
          return response(account.key, nats.user_nkey, server, { jwt })
        },
      ]
      let at = 0
      await withService(
        port,
        request => answers[at]?.(request) ?? '',
        async () => {
          for (; at < answers.length; at++) await refused(port)
        },
      )
    },
  },
  {
    name: 'asks about those who bring nothing, by the default sentinel',
    isNew: true,
    config: () => config(authorization(), `default_sentinel: "${device.jwt}"`),
    run: port =>
      withService(port, admit(), async asked => {
        const talk = await enter(port, device, { jwt: '', sig: 'none', fields: { user: 'u' } })
        assert.equal(
          asked.map(({ nats }) => nats.connect_opts.user),
          ['u'],
        )
        assert.is(asked[0]?.nats.connect_opts.jwt, device.jwt)
        talk.close()
      }),
  },
  {
    name: 'stays as it is when the JWT of its account is updated',
    config: () => config(),
    run: port =>
      withService(port, admit({ nats: { pub: { deny: ['no'] } } }), async asked => {
        const talk = await come(port)
        await pushed(port, account.jwt({ ...authorization(), limits: { subs: 100 } }))
        talk.send('PUB no 0\r\n\r\n')
        await talk.expect(mayNotPublish('no'))
        assert.is(asked.length, 1)
        talk.close()
      }),
  },
  {
    name: 'asks from when the JWT says so, and no longer',
    isNew: true,
    config: () => config({}),
    run: async port => {
      await accepted(port, device, { sig: 'none' })
      await pushed(port, account.jwt(authorization()))
      await unanswered(port)
      await pushed(port, account.jwt({ description: 'again' }))
      await accepted(port, device, { sig: 'none' })
    },
  },
]

/** nats-server believes both. */
export const ownOperatorTalk: HeldTalk = {
  name: 'believes neither a name in CONNECT nor a stranger in the name of the account',
  config: () => config(),
  run: async port => {
    await refused(port, { user: service.publicKey })
    const by = createNKey('account')
    await withService(port, admit({ by, inName: account.publicKey }), () => refused(port))
    await withService(port, admit({ nats: { src: ['10.1.1.1/32'] } }), () => refused(port))
  },
}

/** Requests are sealed for the service, and its answers for the server. */
export async function sealedOperatorTalk(): Promise<HeldTalk> {
  const box: XKey = await newXKey()
  return {
    name: 'seals what it asks when the JWT has a key',
    config: () => config(authorization({ xkey: box.publicKey })),
    run: async port => {
      const asked = await enter(port, service)
      asked.send('SUB $SYS.REQ.USER.AUTH 1\r\n')
      await asked.sync()
      const coming = await bring(port, device, { sig: 'none' })
      const head = await asked.expect(/^HMSG \S+ 1 \S+ \d+ \d+\r\n/)
      const [, , , reply, headSize, size] = head.trim().split(' ')
      const headers = await asked.expect(new RegExp(`^[^]{${headSize}}`))
      const server = /Nats-Server-Xkey: (\S+)/.exec(headers)?.[1] ?? ''
      const body = await asked.expect(new RegExp(`^[^]{${Number(size) - Number(headSize)}}\r\n`))
      const token = box.open(Buffer.from(body.slice(0, -2), 'latin1'), server)?.toString() ?? ''
      const request = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
      assert.is(request.nats.server_id.xkey, server)
      const answer = box.seal(Buffer.from(admit()(request)), server)
      asked.send(Buffer.concat([Buffer.from(`PUB ${reply} ${answer.length}\r\n`), answer, crlf]))
      await coming.expect('PONG\r\n')
      for (const one of [coming, asked]) one.close()
    },
  }
}

const crlf = Buffer.from('\r\n')
