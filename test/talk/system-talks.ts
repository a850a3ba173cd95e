// Conversations about the system account, for our broker and for nats-server: one expectation.

import * as assert from 'uvu/assert'
import { gunzipSync } from 'node:zlib'
import { dial, dialClient } from '../support/talk.ts'
import { ask, type Json, next } from '../system/ask.ts'
import { unsnappy } from '../system/unsnappy.ts'

export interface SystemTalk {
  readonly name: string
  readonly run: (port: number) => Promise<void>
}

export const systemConf = `
server_tags: [attic]
authorization { users: [ { user: g, password: g } ] }
accounts {
  $SYS {
    users: [ { user: s, password: s } ]
    exports: [
      { service: "$SYS.REQ.SERVER.PING.STATSZ", accounts: [O] }
      { service: "$SYS.DEBUG.SUBSCRIBERS", accounts: [O] }
      { stream: "$SYS.ACCOUNT.>", accounts: [O] }
    ]
  }
  O {
    users: [ { user: o, password: o } ]
    imports: [
      { service: { account: "$SYS", subject: "$SYS.REQ.SERVER.PING.STATSZ" }, to: "servers" }
      { service: { account: "$SYS", subject: "$SYS.DEBUG.SUBSCRIBERS" } }
      { stream: { account: "$SYS", subject: "$SYS.ACCOUNT.>" } }
    ]
  }
  A { users: [ { user: a, password: a }, { user: a2, password: a2, permissions: {
    publish: { allow: ["$SYS.>", "x.>"], deny: "y" }
    subscribe: { allow: ["_INBOX.>", "z q"] }
    allow_responses: true
  } } ] }
  B { users: [ { user: b, password: b } ] }
}
`

const login = (port: number, user: string, more: object = {}) =>
  dialClient(port, { user, pass: user, name: `${user}-name`, lang: 'go', version: '1', ...more })

async function serverId(port: number): Promise<string> {
  const talk = await dial(port)
  const { server_id: id } = await talk.info()
  talk.close()
  return String(id)
}

/** The ids of the connections with that name. */
async function idOf(talk: Awaited<ReturnType<typeof login>>, name: string): Promise<number> {
  const { json } = (await ask(talk, '$SYS.REQ.SERVER.PING.CONNZ'))!
  const { connections } = json.data as { connections: { cid: number; name?: string }[] }
  return connections.find(one => one.name === name)?.cid ?? 0
}

export const systemTalks: readonly SystemTalk[] = [
  {
    name: 'a client that comes and goes is told of',
    run: async port => {
      const system = await login(port, 's')
      system.send('SUB $SYS.ACCOUNT.A.*NNECT 1\r\nSUB $SYS.ACCOUNT.A.CONNECT 2\r\n')
      system.send('SUB $SYS.ACCOUNT.A.DISCONNECT 3\r\n')
      await system.sync()
      const client = await login(port, 'a')
      const came = (await next(system, '$SYS.ACCOUNT.A.CONNECT')).json
      assert.is(came.type, 'io.nats.server.advisory.v1.client_connect')
      assert.match(came.id, /^[0-9A-Za-z]{22}$/)
      assert.match(came.timestamp, /^\d{4}-\d\d-\d\dT.*Z$/)
      assert.equal(came.server.tags, ['attic'])
      const { acc, user, name, lang, ver, kind, client_type } = came.client
      assert.equal(
        { acc, user, name, lang, ver, kind, client_type },
        {
          acc: 'A',
          user: 'a',
          name: 'a-name',
          lang: 'go',
          ver: '1',
          kind: 'Client',
          client_type: 'nats',
        },
      )
      client.send('PUB x 5\r\nhello\r\n')
      await client.sync()
      client.close()
      const went = (await next(system, '$SYS.ACCOUNT.A.DISCONNECT')).json
      assert.is(went.type, 'io.nats.server.advisory.v1.client_disconnect')
      assert.is(went.client.id, came.client.id)
      assert.equal(
        [went.sent, went.received],
        [
          { msgs: 1, bytes: 5 },
          { msgs: 0, bytes: 0 },
        ],
      )
      assert.is(went.reason, 'Client Closed')
      system.close()
    },
  },
  {
    name: 'an account says how many connections it has, under both names',
    run: async port => {
      const system = await login(port, 's')
      const subjects = ['$SYS.SERVER.ACCOUNT.A.CONNS', '$SYS.ACCOUNT.A.SERVER.CONNS']
      for (const subject of subjects) {
        system.send(`SUB ${subject} 1\r\n`)
        await system.sync()
        const client = await login(port, 'a')
        const { json } = await next(system, subject)
        assert.is(json.type, 'io.nats.server.advisory.v1.account_connections')
        assert.equal([json.acc, json.conns, json.leafnodes, json.total_conns], ['A', 1, 0, 1])
        client.close()
        const after = await next(system, subject)
        assert.is(after.json.conns, 0)
        system.send('UNSUB 1\r\n')
      }
      system.close()
    },
  },
  {
    name: 'wrong credentials are told of, to the system account and to the global one',
    run: async port => {
      const id = await serverId(port)
      const system = await login(port, 's')
      const subject = `$SYS.SERVER.${id}.CLIENT.AUTH.ERR`
      system.send(`SUB ${subject} 1\r\n`)
      await system.sync()
      const global = await login(port, 'g')
      global.send('SUB $SYS.ACCOUNT.CLIENT.AUTH.ERR 1\r\n')
      await global.sync()
      const stranger = await dial(port)
      await stranger.info()
      stranger.send('CONNECT {"user":"zz","pass":"q","verbose":false}\r\n')
      await stranger.expect("-ERR 'Authorization Violation'\r\n")
      const { json } = await next(system, subject)
      assert.is(json.type, 'io.nats.server.advisory.v1.client_disconnect')
      assert.is(json.reason, 'Authentication Failure')
      assert.equal([json.client.user, json.client.acc], ['zz', '$G'])
      // Nobody's account is the global one, until he has logged in.
      const local = await next(global, '$SYS.ACCOUNT.CLIENT.AUTH.ERR')
      assert.is(local.json.type, json.type)
      assert.is(local.json.client.user, 'zz')
      for (const talk of [system, global]) talk.close()
    },
  },
  {
    name: 'each user hears of himself',
    run: async port => {
      const client = await login(port, 'a2')
      const { json } = (await ask(client, '$SYS.REQ.USER.INFO'))!
      const { publish, subscribe, responses } = json.data.permissions
      assert.equal(publish.allow.sort(), ['$SYS.>', 'x.>'])
      assert.equal(publish.deny, ['y'])
      // Up to 2.10 without the queue group.
      assert.match(subscribe.allow.sort().join(), /^_INBOX\.>,z( q)?$/)
      assert.equal(
        { responses },
        {
          responses: { max: 1, ttl: 120_000_000_000 },
        },
      )
      assert.equal([json.data.user, json.data.account], ['a2', 'A'])
      const other = await login(port, 'b')
      const { user, account, permissions } = (await ask(other, '$SYS.REQ.USER.INFO'))!.json.data
      assert.equal([user, account, permissions], ['b', 'B', undefined])
      const system = await login(port, 's')
      assert.is((await ask(system, '$SYS.REQ.USER.INFO'))?.json.data.account, '$SYS')
      for (const talk of [client, other, system]) talk.close()
    },
  },
  {
    name: 'an account sees its own connections and figures, whatever it asks for',
    run: async port => {
      const [a, b, system] = [
        await login(port, 'a', { name: 'mine' }),
        await login(port, 'b', { name: 'theirs' }),
        await login(port, 's', { name: 'theirs' }),
      ]
      for (const subject of ['$SYS.REQ.ACCOUNT.PING.CONNZ', '$SYS.REQ.SERVER.PING.CONNZ']) {
        for (const body of ['', { acc: 'B' }, { acc: '$SYS', auth: true }, { cid: 0 }]) {
          const { json } = (await ask(a, subject, body))!
          const names = json.data.connections.map((one: Json) => one.name)
          assert.ok(names.includes('mine') && !names.includes('theirs'), JSON.stringify(body))
        }
      }
      const statz = (await ask(a, '$SYS.REQ.ACCOUNT.PING.STATZ', { accounts: ['B', '$SYS'] }))!
      assert.equal(
        statz.json.data.account_statz.map((row: Json) => row.acc),
        ['A'],
      )
      for (const talk of [a, b, system]) talk.close()
    },
  },
  {
    name: 'an account may import what the system account exports to it',
    run: async port => {
      const o = await login(port, 'o')
      const { json } = (await ask(o, 'servers'))!
      assert.equal([json.server.id, json.statsz.active_servers], [await serverId(port), 1])
      o.send('SUB foo 1\r\nSUB $SYS.ACCOUNT.*.CONNECT 2\r\n')
      const other = await login(port, 'a')
      assert.is((await next(o, '$SYS.ACCOUNT.A.CONNECT')).json.client.user, 'a')
      other.send('SUB foo 1\r\n')
      await other.sync()
      const count = (await ask(o, '$SYS.DEBUG.SUBSCRIBERS', 'foo'))!
      assert.is(count.bytes.toString(), '1')
      for (const talk of [o, other]) talk.close()
    },
  },
  {
    name: 'other accounts reach nothing else',
    run: async port => {
      const a = await login(port, 'a')
      const id = await serverId(port)
      const rows = ['VARZ', 'JSZ', 'STATSZ', 'SUBSZ', 'IDZ'].map(
        name => `$SYS.REQ.SERVER.PING.${name}`,
      )
      rows.push('$SYS.REQ.SERVER.PING', '$SYS.REQ.ACCOUNT.A.CONNZ', '$SYS.DEBUG.SUBSCRIBERS')
      rows.push(`$SYS.REQ.SERVER.${id}.RELOAD`, `$SYS.REQ.SERVER.${id}.KICK`)
      for (const subject of rows) {
        const answer = await ask(a, subject)
        assert.match(answer?.headers ?? '', /^NATS\/1.0 503/, subject)
      }
      a.close()
    },
  },
  {
    name: 'answers are packed as it was asked',
    run: async port => {
      const system = await login(port, 's')
      const subject = '$SYS.REQ.SERVER.PING.HEALTHZ'
      const headers = (encoding: string) => ({ headers: `Accept-Encoding: ${encoding}` })
      const gzip = (await ask(system, subject, '', headers('gzip, br')))!
      assert.match(gzip.headers, /Content-Encoding: ?gzip/)
      assert.is(JSON.parse(gunzipSync(gzip.bytes).toString()).data.status, 'ok')
      for (const encoding of ['snappy', 'gzip, s2']) {
        const snappy = (await ask(system, '$SYS.REQ.SERVER.PING.CONNZ', '', headers(encoding)))!
        assert.match(snappy.headers, /Content-Encoding: ?snappy/)
        assert.is(JSON.parse(unsnappy(snappy.bytes).toString()).data.offset, 0)
      }
      const plain = (await ask(system, subject, '', headers('br')))!
      assert.match(plain.headers, /Content-Encoding: ?identity/)
      assert.is(plain.json.data.status_code, 200)
      system.close()
    },
  },
  {
    name: 'only the servers that are meant answer',
    run: async port => {
      const system = await login(port, 's')
      const silent = { msMax: 150 }
      const rows: readonly (readonly [object, boolean])[] = [
        [{ tags: ['attic'] }, true],
        [{ tags: ['attic', 'cellar'] }, false],
        [{ server_name: 'nobody' }, false],
        [{ cluster: 'none' }, false],
        [{ host: '127.0' }, true],
      ]
      for (const [filter, isAsked] of rows) {
        for (const name of ['CONNZ', 'STATSZ']) {
          const answer = await ask(system, `$SYS.REQ.SERVER.PING.${name}`, filter, silent)
          assert.is(answer !== null, isAsked, `${name} ${JSON.stringify(filter)}`)
        }
      }
      system.close()
    },
  },
  {
    name: 'requests with every field there is, as the nats CLI writes them',
    run: async port => {
      const system = await login(port, 's')
      const shown = { subscriptions: false, subscriptions_detail: false }
      const page = { offset: 0, limit: 1024 }
      const connz = {
        sort: 'cid',
        auth: true,
        ...shown,
        ...page,
        cid: 0,
        mqtt_client: '',
        state: 0,
      }
      const health = { 'js-enabled': false, 'js-enabled-only': false, 'js-server-only': false }
      const jsz = {
        accounts: true,
        streams: true,
        consumer: true,
        config: true,
        leader_only: false,
      }
      const rows: readonly (readonly [string, object])[] = [
        ['VARZ', {}],
        ['CONNZ', { ...connz, user: '', acc: '', filter_subject: '' }],
        ['CONNZ', { ...connz, sort: '', state: 2 }],
        ['SUBSZ', { ...page, subscriptions: true }],
        ['ROUTEZ', shown],
        ['GATEWAYZ', { name: '', accounts: false, account_name: '', ...shown }],
        ['LEAFZ', { subscriptions: false, account: '' }],
        ['ACCOUNTZ', { account: '' }],
        ['JSZ', { ...jsz, ...page, raft: false }],
        ['HEALTHZ', { ...health, account: '', stream: '', details: false }],
      ]
      for (const [name, body] of rows) {
        const { json } = (await ask(system, `$SYS.REQ.SERVER.PING.${name}`, body))!
        assert.equal([name, json.error, typeof json.data], [name, undefined, 'object'])
      }
      system.close()
    },
  },
  {
    name: 'what is wrong with a request is said',
    run: async port => {
      const system = await login(port, 's')
      const rows: readonly (readonly [string, object | string, number, RegExp])[] = [
        ['CONNZ', { sort: 'bogus' }, 500, /^invalid sorting option: bogus$/],
        ['CONNZ', { limit: 'x' }, 400, /^json: cannot unmarshal string into .*limit of type int$/],
        ['CONNZ', '[]', 400, /^json: cannot unmarshal array into Go value of type server.Connz/],
        ['CONNZ', '{bad', 400, /./],
        ['STATSZ', '{bad', 400, /./],
        ['SUBSZ', { test: 'a.*' }, 500, /^invalid test subject, must be valid publish subject: a/],
        ['ACCOUNTZ', { account: 'nope' }, 500, /^Account nope does not exist$/],
      ]
      for (const [name, body, code, text] of rows) {
        const { json } = (await ask(system, `$SYS.REQ.SERVER.PING.${name}`, body))!
        assert.is(json.error.code, code, name)
        assert.match(json.error.description, text)
      }
      const { json } = (await ask(system, '$SYS.REQ.ACCOUNT.NOPE.INFO'))!
      assert.is(json.error.description, 'Account NOPE does not exist')
      system.close()
    },
  },
  {
    name: 'one client is sent away, another thrown out',
    run: async port => {
      const id = await serverId(port)
      const system = await login(port, 's')
      const old = await login(port, 's', { name: 'old' })
      system.send('SUB $SYS.ACCOUNT.A.DISCONNECT 1\r\n')
      const modern = await login(port, 'a', { protocol: 1, name: 'modern' })
      const cid = await idOf(system, 'modern')
      const control = (name: string, body: object) =>
        ask(system, `$SYS.REQ.SERVER.${id}.${name}`, body)
      assert.is(
        (await control('LDM', { cid: 999_999 }))?.json.error.description,
        'no such client id',
      )
      const own = await idOf(old, 'old')
      assert.match((await control('LDM', { cid: own }))?.json.error.description, /does not support/)
      const sent = await control('LDM', { cid })
      assert.equal(Object.keys(sent?.json), ['server'])
      await modern.expect(/^.*INFO [^\n]*"ldm":true[^\n]*\r\n/s)
      const missing = await control('KICK', { cid: 999_999 })
      assert.is(missing?.json.error.description, 'no such client or leafnode id')
      system.send(
        `PUB $SYS.REQ.SERVER.${id}.KICK ${JSON.stringify({ cid }).length}\r\n${JSON.stringify({ cid })}\r\n`,
      )
      // Without a reply subject nothing is done, as for every request.
      const kicked = control('KICK', { cid })
      const { json } = await next(system, '$SYS.ACCOUNT.A.DISCONNECT')
      assert.is(json.reason, 'Kicked')
      await modern.expectEnd()
      void kicked.catch(() => {})
      system.close()
    },
  },
  {
    name: 'subscribers are counted',
    run: async port => {
      const system = await login(port, 's')
      system.send('SUB foo.* 1\r\nSUB foo.bar 2\r\nSUB foo.bar q 3\r\n')
      const count = async (body: string) =>
        Number((await ask(system, '$SYS.DEBUG.SUBSCRIBERS', body))?.bytes.toString())
      assert.is(await count('foo.bar'), 3)
      assert.is(await count('foo.*'), 3)
      assert.is(await count('foo.bar q'), 1)
      assert.is(await count('bar'), 0)
      const a = await login(port, 'a')
      a.send('SUB foo.bar 1\r\n')
      await a.sync()
      const peer = await ask(system, '$SYS.REQ.ACCOUNT.NSUBS', { acc: 'A', subject: 'foo.bar' })
      assert.is(peer?.bytes.toString(), '1')
      for (const talk of [a, system]) talk.close()
    },
  },
  {
    name: 'how the server is, is said on request and to everybody',
    run: async port => {
      const id = await serverId(port)
      const system = await login(port, 's')
      for (const subject of ['$SYS.REQ.SERVER.PING', `$SYS.REQ.SERVER.${id}.STATSZ`]) {
        const { json } = (await ask(system, subject))!
        assert.equal([json.server.id, json.statsz.active_servers], [id, 1])
      }
      system.send(`SUB $SYS.SERVER.${id}.STATSZ 1\r\nPUB $SYS.REQ.SERVER.PING 0\r\n\r\n`)
      const { json } = await next(system, `$SYS.SERVER.${id}.STATSZ`)
      assert.is(json.server.id, id)
      const idz = (await ask(system, '$SYS.REQ.SERVER.PING.IDZ'))!
      assert.equal(Object.keys(idz.json).sort(), ['host', 'id', 'name'])
      system.close()
    },
  },
]
