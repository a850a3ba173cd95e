// Auth callout: a service in an account says who may connect. Each talk is held with our broker
// and with nats-server, with one expectation.

import * as assert from 'uvu/assert'
import { createNKey } from '../../src/account/nkey.ts'
import { newXKey, type XKey } from '../../src/callout/xkey.ts'
import { type Answer, type CalloutRequest, response, serve } from '../support/callout.ts'
import { userJwt } from '../support/jwt.ts'
import { dial, dialClient } from '../support/talk.ts'
import type { HeldTalk } from './held.ts'

const issuer = createNKey('account')
const stranger = createNKey('account')

function config(more = '', users = ''): string {
  return `
authorization {
  timeout: 1
  auth_callout { issuer: ${issuer.publicKey}, account: AUTH, auth_users: [ service ] ${more} }
}
accounts {
  AUTH { users: [ { user: service, password: s } ] }
  APP { users: [ { user: known, password: k } ${users} ] }
  OTHER { users: [ { user: other, password: o } ] }
}
`
}

/** A response that lets the user in, with what is changed of it. */
function admit(changes: { account?: string; nats?: object; times?: object } = {}): Answer {
  return ({ nats }) => {
    const { account = 'APP', nats: rights = {}, times = {} } = changes
    const jwt = userJwt(issuer, nats.user_nkey, rights, { aud: account, name: 'bob', ...times })
    return respond(nats.user_nkey, nats.server_id.id, { jwt })
  }
}

const respond = (user: string, server: string, what: object) => response(issuer, user, server, what)

const service = (port: number, answer: Answer) =>
  serve(dialClient(port, { user: 'service', pass: 's' }), answer)

const login = { user: 'device', pass: 'd', name: 'n', lang: 'x', version: '1', protocol: 1 }

async function refused(port: number, fields: object = login): Promise<void> {
  const talk = await dial(port)
  await talk.info()
  talk.send(`CONNECT ${JSON.stringify({ verbose: false, ...fields })}\r\n`)
  // nats-server waits for a better answer, and asks meanwhile whether we are there.
  await talk.expect(/^(PING\r\n)?-ERR 'Authorization Violation'\r\n/, 8000)
  await talk.expectEnd()
}

async function withService(
  port: number,
  answer: Answer,
  act: (asked: CalloutRequest[]) => Promise<void>,
) {
  const { talk, asked } = await service(port, answer)
  try {
    await act(asked)
  } finally {
    talk.close()
  }
}

const only = { pub: { allow: ['out.>'] }, sub: { allow: ['in.>'] } }

export const calloutTalks: readonly HeldTalk[] = [
  {
    name: 'asks the service and takes its user',
    config: () => config(),
    run: port =>
      withService(port, admit({ nats: only }), async asked => {
        const device = await dialClient(port, { ...login, protocol: 0 })
        const known = await dialClient(port, { user: 'known', pass: 'wrong' })
        device.send('SUB in.a 1\r\nSUB x 2\r\n')
        await device.expect('-ERR \'Permissions Violation for Subscription to "x"\'\r\n')
        known.send('PUB out.a 0\r\n\r\n')
        await known.sync()
        device.send('PUB x 0\r\n\r\n')
        await device.expect('-ERR \'Permissions Violation for Publish to "x"\'\r\n')
        const [request] = asked
        const { connect_opts: said = {}, client_info: who = {} } = request?.nats ?? {}
        assert.equal(
          { user: said.user, pass: said.pass, name: said.name, lang: said.lang },
          { user: 'device', pass: 'd', name: 'n', lang: 'x' },
        )
        assert.equal(
          { kind: who.kind, type: who.type, host: who.host, user: who.user },
          { kind: 'Client', type: 'nats', host: '127.0.0.1', user: 'device' },
        )
        assert.is(request?.aud, 'nats-authorization-request')
        assert.is(asked.length, 2, 'a user of the config is asked about too')
        device.close()
        known.close()
      }),
  },
  {
    name: 'puts users where the answer says',
    config: () => config(),
    run: port =>
      withService(port, admit({ account: 'OTHER' }), async () => {
        const [one, two] = [
          await dialClient(port, { user: 'a' }),
          await dialClient(port, { user: 'b' }),
        ]
        one.send('SUB a 1\r\n')
        await one.sync()
        two.send('PUB a 2\r\nhi\r\n')
        await one.expect('MSG a 1 2\r\nhi\r\n')
        one.close()
        two.close()
      }),
  },
  {
    name: 'refuses whom the service refuses',
    config: () => config(),
    run: port =>
      withService(
        port,
        ({ nats }) => respond(nats.user_nkey, nats.server_id.id, { error: 'not you' }),
        () => refused(port),
      ),
  },
  {
    name: 'refuses answers that are none, of strangers, for others, or for another server',
    config: () => config(),
    run: async port => {
      const another = createNKey('user').publicKey
      const answers: Answer[] = [
        () => 'noise',
        () => 'eyJ.eyJ.eyJ',
        () => '',
        ({ nats }) => respond(another, nats.server_id.id, { jwt: userJwt(issuer, another) }),
        ({ nats }) => {
          const jwt = userJwt(issuer, another, {}, { aud: 'APP' })
          return respond(nats.user_nkey, nats.server_id.id, { jwt })
        },
        ({ nats }) => {
          const jwt = userJwt(stranger, nats.user_nkey, {}, { aud: 'APP' })
          return respond(nats.user_nkey, nats.server_id.id, { jwt })
        },
        ({ nats }) => {
          const jwt = userJwt(issuer, nats.user_nkey, {}, { aud: 'APP' })
          return respond(nats.user_nkey, createNKey('server').publicKey, { jwt })
        },
        admit({ account: 'NOWHERE' }),
        admit({ times: { exp: 1000 } }),
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
    name: 'lets nobody in while the service is not there',
    config: () => config(),
    run: port => refused(port),
  },
  {
    name: 'lets the service itself in, which may not ask',
    config: () => config(),
    run: async port => {
      const talk = await dialClient(port, { user: 'service', pass: 's' })
      talk.send('PUB $SYS.REQ.USER.AUTH 0\r\n\r\n')
      await talk.expect('-ERR \'Permissions Violation for Publish to "$SYS.REQ.USER.AUTH"\'\r\n')
      talk.close()
      await refused(port, { user: 'service', pass: 'wrong' })
    },
  },
  {
    name: 'asks only about allowed accounts',
    isNew: true,
    config: () => config(', allowed_accounts: [ APP ]'),
    run: port =>
      withService(
        port,
        ({ nats }) => respond(nats.user_nkey, nats.server_id.id, { error: 'nobody' }),
        async () => {
          const other = await dialClient(port, { user: 'other', pass: 'o' })
          other.close()
          await refused(port, { user: 'known', pass: 'k' })
        },
      ),
  },
  {
    name: 'ends a login when its answer expires',
    config: () => config(),
    run: port =>
      withService(
        port,
        request => admit({ times: { exp: Math.floor(Date.now() / 1000) + 2 } })(request),
        async () => {
          const device = await dialClient(port, { ...login, protocol: 0 })
          await device.expect("-ERR 'User Authentication Expired'\r\n", 8000)
          await device.expectEnd()
        },
      ),
  },
]

/** nats-server lets them in, whatever the answer says of it. */
export const ownTalks: readonly HeldTalk[] = [
  {
    name: 'refuses a user whose answer is for other ways to connect',
    config: () => config(),
    run: port => {
      const answer = admit({ nats: { allowed_connection_types: ['MQTT'] } })
      return withService(port, answer, () => refused(port))
    },
  },
  {
    name: 'refuses a user whose answer is for another network',
    config: () => config(),
    run: port => withService(port, admit({ nats: { src: ['192.0.2.0/24'] } }), () => refused(port)),
  },
  {
    name: 'keeps users who are not asked about from asking in its account',
    config: () =>
      config(', allowed_accounts: [ APP ]', '').replace(
        'password: s }',
        'password: s }, { user: guest, password: g }',
      ),
    run: async port => {
      const guest = await dialClient(port, { user: 'guest', pass: 'g' })
      guest.send('PUB $SYS.REQ.USER.AUTH 0\r\n\r\n')
      await guest.expect('-ERR \'Permissions Violation for Publish to "$SYS.REQ.USER.AUTH"\'\r\n')
      guest.close()
    },
  },
]

/** Requests are sealed for the service, and its answers for the server. */
export async function sealedTalk(): Promise<HeldTalk> {
  const box: XKey = await newXKey()
  return {
    name: 'seals what it asks when told so',
    config: () => config(`, xkey: ${box.publicKey}`),
    run: async port => {
      const talk = await dialClient(port, { user: 'service', pass: 's' })
      talk.send('SUB $SYS.REQ.USER.AUTH 1\r\n')
      await talk.sync()
      const device = await dial(port)
      await device.info()
      device.send('CONNECT {"verbose":false,"user":"device"}\r\nPING\r\n')
      const head = await talk.expect(/^HMSG \S+ 1 \S+ \d+ \d+\r\n/)
      const [, , , reply, headSize, size] = head.trim().split(' ')
      const headers = await talk.expect(new RegExp(`^[^]{${headSize}}`))
      const server = /Nats-Server-Xkey: (\S+)/.exec(headers)?.[1] ?? ''
      const body = await talk.expect(new RegExp(`^[^]{${Number(size) - Number(headSize)}}\r\n`))
      const sealed = Buffer.from(body.slice(0, -2), 'latin1')
      const token = box.open(sealed, server)?.toString() ?? ''
      const request = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
      assert.is(request.nats.server_id.xkey, server)
      const answer = box.seal(Buffer.from(admit()(request)), server)
      talk.send(Buffer.concat([Buffer.from(`PUB ${reply} ${answer.length}\r\n`), answer, crlf]))
      await device.expect('PONG\r\n')
      device.close()
      talk.close()
    },
  }
}

const crlf = Buffer.from('\r\n')
