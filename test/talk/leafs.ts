// What a leaf node and its hub say to each other, with a spoke written by hand: the same lines
// against our broker and real nats-servers, one expectation for all (reference 4.5 to 4.8).

import * as assert from 'uvu/assert'
import { createNKey } from '../../src/account/nkey.ts'
import { until } from '../support/edge-leaf.ts'
import { dial, dialClient, type Talk } from '../support/talk.ts'

export interface LeafTalk {
  readonly name: string
  /** Of the whole server. */
  readonly config?: string
  /** Inside `leafnodes { … }`, beside `listen`. */
  readonly leaf?: string
  /** Only nats-server from this version on says it so. */
  readonly since?: '2.10' | '2.15'
  run(leafPort: number, clientPort: number): Promise<void>
}

const violation = "-ERR 'Authorization Violation'\r\n"

/** A spoke that has said CONNECT; its second INFO is still to come. */
async function greeted(port: number, fields: object = {}): Promise<Talk> {
  const talk = await dial(port)
  await talk.info()
  const base = { version: '2.10.27', name: 'spoke', cluster: 'spoke', headers: true }
  talk.send(`CONNECT ${JSON.stringify({ ...base, remote_account: '$G', ...fields })}\r\n`)
  return talk
}

async function joined(port: number, fields: object = {}) {
  const talk = await greeted(port, fields)
  const info = await talk.info()
  assert.is(info.connect_info, true)
  return { talk, info }
}

async function spokeOf(port: number, fields: object = {}): Promise<Talk> {
  const { talk } = await joined(port, fields)
  await settled(talk)
  return talk
}

/** Interest comes in any order, PINGs when they like: goes past all that to `text`. */
async function past(talk: Talk, text: string): Promise<string> {
  const literal = text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return talk.expect(new RegExp(`^(?:(?:LS[+-] [^\\n]*|PING|PONG|INFO [^\\n]*)\\r\\n)*?${literal}`))
}

/** All that was said before has been taken. */
async function settled(talk: Talk): Promise<void> {
  talk.send('PING\r\n')
  await past(talk, 'PONG\r\n')
}

async function ends(talk: Talk, last: string): Promise<void> {
  await past(talk, last)
  await talk.expectEnd()
}

const users = `accounts {
  A { users: [ { user: leaf, password: pw, permissions: {
      publish: { allow: ["up.>"], deny: ["up.secret"] }, subscribe: ["down.>"] } } ] }
  B { users: [ { user: b, password: pw } ] }
  C { users: [ { user: c, password: pw } ], limits { max_leafnodes: 1 } }
}`

const key = createNKey('user')

export const leafTalks: readonly LeafTalk[] = [
  {
    name: 'greets with a nonce and its addresses, and again with the account',
    run: async port => {
      const talk = await dial(port)
      const first = await talk.info()
      assert.is(typeof first.nonce, 'string')
      assert.is(typeof first.client_id, 'number')
      assert.is(first.headers, true)
      assert.is(first.auth_required, true)
      assert.is(first.info_on_connect, true)
      assert.is(first.connect_info, undefined)
      assert.equal(first.leafnode_urls, [`127.0.0.1:${port}`])
      assert.is(first.ip, `127.0.0.1:${port}`)
      talk.send('CONNECT {"name":"s","headers":true}\r\n')
      const second = await talk.info()
      assert.is(second.nonce, undefined)
      assert.is(second.connect_info, true)
      assert.is(second.remote_account, '$G')
      assert.is(second.import, undefined)
      await past(talk, 'LS+ $LDS.')
      talk.close()
    },
  },
  {
    name: 'tells what clients subscribe to, and queues with their weight',
    run: async (port, clientPort) => {
      const client = await dialClient(clientPort)
      client.send('SUB before 1\r\n')
      await client.sync()
      const { talk } = await joined(port)
      await past(talk, 'LS+ before\r\n')
      await settled(talk)
      client.send('SUB a.* 2\r\nSUB a.* 3\r\nSUB q g 4\r\nSUB q g 5\r\nUNSUB 4\r\nUNSUB 5\r\n')
      client.send('UNSUB 2\r\nUNSUB 3\r\n')
      for (const line of ['LS+ a.*', 'LS+ q g 1', 'LS+ q g 2', 'LS+ q g 1', 'LS- q g', 'LS- a.*']) {
        await past(talk, `${line}\r\n`)
      }
      await talk.sync()
      client.close()
      talk.close()
    },
  },
  {
    name: 'carries messages both ways, with headers, replies and queues',
    run: async (port, clientPort) => {
      const talk = await spokeOf(port)
      const client = await dialClient(clientPort)
      client.send('SUB up.> 1\r\nSUB up.q g 2\r\n')
      await client.sync()
      talk.send('LS+ down.>\r\nLS+ work g 2\r\n')
      await settled(talk)
      talk.send('LMSG up.a 2\r\nhi\r\nLMSG up.b re.ply 0\r\n\r\n')
      talk.send(
        'HMSG up.h 12 14\r\nNATS/1.0\r\n\r\nhi\r\nHMSG up.h r 12 12\r\nNATS/1.0\r\n\r\n\r\n',
      )
      await client.expect('MSG up.a 1 2\r\nhi\r\nMSG up.b 1 re.ply 0\r\n\r\n')
      await client.expect('HMSG up.h 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n')
      await client.expect('HMSG up.h 1 r 12 12\r\nNATS/1.0\r\n\r\n\r\n')
      // Without a queue named only plain subscriptions have it.
      talk.send('LMSG up.q 1\r\na\r\n')
      await client.expect('MSG up.q 1 1\r\na\r\n')
      talk.send('LMSG up.q | g 1\r\nb\r\nLMSG up.q + r g 1\r\nc\r\n')
      const both = await client.expect(/^(?:MSG up\.q \d (?:r )?1\r\n[bc]\r\n){4}/)
      assert.is(both.split('MSG up.q 2').length, 3)
      client.send('PUB down.a 2\r\nhi\r\nPUB down.b r 0\r\n\r\nPUB work 1\r\nx\r\n')
      client.send('PUB work rr 1\r\ny\r\nHPUB down.h 12 13\r\nNATS/1.0\r\n\r\nz\r\n')
      await past(talk, 'LMSG down.a 2\r\nhi\r\nLMSG down.b r 0\r\n\r\nLMSG work | g 1\r\nx\r\n')
      await past(talk, 'LMSG work + rr g 1\r\ny\r\nHMSG down.h 12 13\r\nNATS/1.0\r\n\r\nz\r\n')
      client.close()
      talk.close()
    },
  },
  {
    name: 'strips headers for a spoke that knows none',
    run: async (port, clientPort) => {
      const talk = await spokeOf(port, { headers: false })
      talk.send('LS+ h\r\n')
      await settled(talk)
      const client = await dialClient(clientPort)
      client.send('HPUB h 12 13\r\nNATS/1.0\r\n\r\nz\r\n')
      await past(talk, 'LMSG h 1\r\nz\r\n')
      client.close()
      talk.close()
    },
  },
  {
    name: 'sends nothing back, and passes everything on to other spokes',
    run: async port => {
      const a = await spokeOf(port, { name: 'a', cluster: 'a' })
      const b = await spokeOf(port, { name: 'b', cluster: 'b' })
      a.send('LS+ x\r\n')
      await past(b, 'LS+ x\r\n')
      a.send('LMSG x 1\r\n1\r\n')
      await settled(a)
      b.send('LS+ x\r\n')
      await past(a, 'LS+ x\r\n')
      b.send('LMSG x 1\r\n2\r\n')
      await past(a, 'LMSG x 1\r\n2\r\n')
      b.send('LS- x\r\n')
      await past(a, 'LS- x\r\n')
      a.send('LMSG x 1\r\n3\r\n')
      await settled(a)
      await settled(b)
      a.close()
      await past(b, 'LS- x\r\n')
      b.close()
    },
  },
  {
    name: 'passes nothing on within one cluster of spokes',
    run: async port => {
      const a = await spokeOf(port, { name: 'a', cluster: 'same' })
      const b = await spokeOf(port, { name: 'b', cluster: 'same' })
      const c = await spokeOf(port, { name: 'c', cluster: 'other' })
      a.send('LS+ x\r\n')
      await past(c, 'LS+ x\r\n')
      await b.sync()
      a.close()
      b.close()
      c.close()
    },
  },
  {
    name: 'tells an isolated spoke nothing of the others',
    since: '2.15',
    run: async port => {
      const alone = await spokeOf(port, { name: 'a', cluster: 'a', isolate: true })
      const b = await spokeOf(port, { name: 'b', cluster: 'b' })
      const c = await spokeOf(port, { name: 'c', cluster: 'c' })
      b.send('LS+ x\r\n')
      await past(c, 'LS+ x\r\n')
      await alone.sync()
      alone.send('LS+ y\r\n')
      await past(b, 'LS+ y\r\n')
      alone.close()
      b.close()
      c.close()
    },
  },
  {
    name: 'isolates all spokes when told to',
    leaf: 'isolate_leafnode_interest: true',
    since: '2.15',
    run: async port => {
      const a = await spokeOf(port, { name: 'a', cluster: 'a' })
      const b = await spokeOf(port, { name: 'b', cluster: 'b' })
      b.send('LS+ x\r\n')
      await settled(b)
      await a.sync()
      a.close()
      b.close()
    },
  },
  {
    name: 'finds a loop by its own subject',
    run: async port => {
      const { talk } = await joined(port)
      await past(talk, 'LS+ $LDS.')
      talk.send(`LS+ $LDS.${await talk.line()}\r\n`)
      await ends(
        talk,
        '-ERR \'Loop detected for leafnode account="$G". Delaying attempt to reconnect for 30s\'\r\n',
      )
    },
  },
  {
    name: 'keeps the newer of two connections of one server',
    run: async port => {
      const old = await spokeOf(port)
      const other = await spokeOf(port, { remote_account: 'other' })
      const fresh = await spokeOf(port)
      await ends(old, "-ERR 'Duplicate Remote LeafNode Connection'\r\n")
      await settled(other)
      await settled(fresh)
      other.close()
      fresh.close()
    },
  },
  {
    name: 'refuses a server that is too old',
    leaf: 'min_version: "2.10.0"',
    since: '2.15',
    run: async port => {
      const talk = await greeted(port, { version: '2.9.25' })
      await ends(
        talk,
        '-ERR \'connection rejected since minimum version required is "2.10.0"\'\r\n',
      )
      const newer = await spokeOf(port, { version: '2.10.0' })
      newer.close()
    },
  },
  {
    name: 'refuses clients, and servers of the same cluster',
    config: 'cluster { name: ours }',
    run: async port => {
      const client = await dial(port)
      await client.info()
      client.send('CONNECT {"lang":"nats.js","version":"3.0.0"}\r\n')
      await client.expectEnd("-ERR 'attempted to connect to leaf node port'\r\n")
      const same = await greeted(port, { cluster: 'ours' })
      await same.expectEnd("-ERR 'remote leafnode has same cluster name'\r\n")
    },
  },
  {
    name: 'asks for CONNECT before anything else',
    since: '2.15',
    run: async port => {
      for (const line of ['LS+ x\r\n', 'PING\r\n', 'LMSG x 1\r\na\r\n']) {
        const talk = await dial(port)
        await talk.info()
        talk.send(line)
        await talk.expectEnd(violation)
      }
    },
  },
  {
    name: 'waits for CONNECT for so long only',
    leaf: 'authorization { timeout: 0.3 }',
    run: async port => {
      const talk = await dial(port)
      await talk.info()
      await talk.expectEnd("-ERR 'Authentication Timeout'\r\n")
    },
  },
  {
    name: 'closes after what is no leaf protocol',
    run: async port => {
      for (const line of ['SUB x 1\r\n', 'LS+ x y\r\n', 'LMSG x ? y 1\r\n', 'LMSG x -1\r\n']) {
        const talk = await spokeOf(port)
        talk.send(line)
        await until(() => talk.ended, 900)
      }
    },
  },
  {
    name: 'has one user of its own',
    config: users,
    leaf: 'authorization { user: only, password: pw, account: B }',
    run: async (port, clientPort) => {
      const { talk, info } = await joined(port, { user: 'only', pass: 'pw' })
      assert.is(info.remote_account, 'B')
      const client = await dialClient(clientPort, { user: 'b', pass: 'pw' })
      client.send('SUB x 1\r\n')
      await past(talk, 'LS+ x\r\n')
      for (const wrong of [{ user: 'only', pass: 'no' }, { user: 'b', pass: 'pw' }, {}]) {
        await (await greeted(port, wrong)).expectEnd(violation)
      }
      client.close()
      talk.close()
    },
  },
  {
    name: 'has users of its own, each with an account',
    config: users,
    leaf: 'authorization { users: [ { user: one, password: p, account: B }, { user: two, pass: p } ] }',
    run: async port => {
      const one = await joined(port, { user: 'one', pass: 'p' })
      assert.is(one.info.remote_account, 'B')
      const two = await joined(port, { user: 'two', pass: 'p' })
      assert.is(two.info.remote_account, '$G')
      await (await greeted(port, { user: 'two', pass: 'no' })).expectEnd(violation)
      one.talk.close()
      two.talk.close()
    },
  },
  {
    name: 'knows its user by an nkey',
    config: users,
    leaf: `authorization { nkey: ${key.publicKey}, account: B }`,
    run: async port => {
      const talk = await dial(port)
      const { nonce } = await talk.info()
      const sig = key.sign(Buffer.from(String(nonce))).toString('base64url')
      talk.send(`CONNECT ${JSON.stringify({ nkey: key.publicKey, sig, name: 's' })}\r\n`)
      assert.is((await talk.info()).remote_account, 'B')
      talk.close()
      const wrong = { nkey: key.publicKey, sig: Buffer.alloc(64).toString('base64url') }
      await (await greeted(port, wrong)).expectEnd(violation)
    },
  },
  {
    name: "takes the server's users, tells their permissions and keeps to them",
    config: users,
    run: async port => {
      const login = { user: 'leaf', pass: 'pw' }
      const { talk, info } = await joined(port, login)
      assert.is(info.remote_account, 'A')
      assert.equal(info.import, { allow: ['down.>'] })
      assert.equal(info.export, { allow: ['up.>'], deny: ['up.secret'] })
      await settled(talk)
      talk.send('LMSG up.fine 0\r\n\r\nLS+ down.a\r\nLS+ wide.>\r\n')
      await settled(talk)
      talk.close()
      const other = await spokeOf(port, login)
      other.send('LS+ elsewhere\r\n')
      await ends(other, '-ERR \'Permissions Violation for Subscription to "elsewhere"\'\r\n')
      await (await greeted(port, { user: 'leaf', pass: 'no' })).expectEnd(violation)
    },
  },
  {
    name: 'cuts off a spoke that is nobody, or sends what it may not',
    config: users,
    since: '2.15',
    run: async port => {
      await (await greeted(port)).expectEnd(violation)
      const talk = await spokeOf(port, { user: 'leaf', pass: 'pw' })
      talk.send('LMSG up.secret 0\r\n\r\n')
      await ends(talk, '-ERR \'Permissions Violation for Publish to "up.secret"\'\r\n')
    },
  },
  {
    name: 'lets a spoke answer what it was asked, once',
    config: `accounts { A { users: [
      { user: leaf, password: pw, permissions: {
        publish: ["up"], subscribe: ["ask"], allow_responses: true } }
      { user: a, password: pw } ] } }`,
    since: '2.15',
    run: async (port, clientPort) => {
      const talk = await spokeOf(port, { user: 'leaf', pass: 'pw', remote_account: 'A' })
      talk.send('LS+ ask\r\n')
      await settled(talk)
      const client = await dialClient(clientPort, { user: 'a', pass: 'pw' })
      client.send('SUB answer.* 1\r\nPUB ask answer.7 0\r\n\r\n')
      await past(talk, 'LMSG ask answer.7 0\r\n\r\n')
      talk.send('LMSG answer.7 2\r\nok\r\n')
      await client.expect('MSG answer.7 1 2\r\nok\r\n')
      talk.send('LMSG answer.7 2\r\nno\r\n')
      await ends(talk, '-ERR \'Permissions Violation for Publish to "answer.7"\'\r\n')
      client.close()
    },
  },
  {
    name: 'sends a spoke only what it may have, and wants to have',
    config: users,
    run: async (port, clientPort) => {
      const talk = await spokeOf(port, { user: 'b', pass: 'pw', deny_pub: ['no.>'] })
      talk.send('LS+ >\r\n')
      await settled(talk)
      const client = await dialClient(clientPort, { user: 'b', pass: 'pw' })
      client.send('PUB no.a 0\r\n\r\nPUB yes 0\r\n\r\n')
      await past(talk, 'LMSG yes 0\r\n\r\n')
      client.close()
      talk.close()
    },
  },
  {
    name: 'refuses a user that may not come this way',
    config: `accounts { A { users: [
      { user: client, password: pw, allowed_connection_types: ["STANDARD"] }
      { user: leaf, password: pw, allowed_connection_types: ["LEAFNODE"] } ] } }`,
    run: async (port, clientPort) => {
      await (await greeted(port, { user: 'client', pass: 'pw' })).expectEnd(violation)
      const talk = await spokeOf(port, { user: 'leaf', pass: 'pw' })
      const client = await dial(clientPort)
      await client.info()
      client.send('CONNECT {"user":"leaf","pass":"pw"}\r\n')
      await client.expectEnd(violation)
      talk.close()
    },
  },
  {
    name: 'lets so many leaf nodes into an account',
    config: users,
    run: async port => {
      const one = await spokeOf(port, { name: 'a', cluster: 'a', user: 'c', pass: 'pw' })
      const two = await greeted(port, { name: 'b', cluster: 'b', user: 'c', pass: 'pw' })
      await ends(two, "-ERR 'maximum account active connections exceeded'\r\n")
      one.close()
    },
  },
  {
    name: 'is a spoke to one that dials as the hub',
    run: async (port, clientPort) => {
      const other = await spokeOf(port, { name: 'o', cluster: 'o' })
      const hub = await spokeOf(port, { name: 'h', cluster: 'h', is_hub: true })
      const client = await dialClient(clientPort)
      client.send('SUB mine 1\r\n')
      await past(hub, 'LS+ mine\r\n')
      hub.send('LS+ from.hub\r\n')
      await past(other, 'LS+ from.hub\r\n')
      hub.send('LMSG mine 1\r\na\r\n')
      await client.expect('MSG mine 1 1\r\na\r\n')
      client.close()
      hub.close()
      other.close()
    },
  },
]
