// What the system account hears of the other kinds of connections, and what it may do to the whole
// process: beside the newest nats-server, with the clients and servers that are really used.

import { appendFileSync, writeFileSync } from 'node:fs'
import { connectAsync } from 'mqtt'
import * as assert from 'uvu/assert'
import { startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import { account, configOf, enter, system } from '../support/operators.ts'
import { freePort } from '../support/ports.ts'
import { spec } from '../support/spec.ts'
import { dial, dialClient, type Talk } from '../support/talk.ts'
import { dialWebSocket } from '../support/websocket.ts'
import { ask, type Json, next } from '../system/ask.ts'

const accounts = `accounts {
  $SYS { users: [ { user: s, password: s } ] }
  A { jetstream: enabled, users: [ { user: a, password: a } ] }
}`

const systemTalk = (port: number) => dialClient(port, { user: 's', pass: 's' })

async function listen(talk: Talk, ...subjects: string[]): Promise<void> {
  for (const subject of subjects) talk.send(`SUB ${subject} ${subject}\r\n`)
  await talk.sync()
}

const describe = ({ client, reason }: Json) => {
  const { acc, user, kind, client_type, client_id } = client
  return JSON.stringify({ acc, user, kind, client_type, client_id, reason })
}

/** An MQTT client that comes and goes, one that is refused, and a browser. */
async function others(port: number, mqttPort: number, wsPort: number): Promise<string[]> {
  const talk = await systemTalk(port)
  const server = await dial(port)
  const { server_id: id } = await server.info()
  server.close()
  const subjects = ['$SYS.ACCOUNT.A.CONNECT', '$SYS.ACCOUNT.A.DISCONNECT']
  await listen(talk, ...subjects, `$SYS.SERVER.${id}.CLIENT.AUTH.ERR`)
  const found: string[] = []
  const heard = async (subject: string) => {
    found.push(describe((await next(talk, subject)).json))
  }
  const options = { username: 'a', clientId: 'thing', reconnectPeriod: 0 }
  const url = `mqtt://127.0.0.1:${mqttPort}`
  const mqtt = await connectAsync(url, { ...options, password: 'a' })
  await heard('$SYS.ACCOUNT.A.CONNECT')
  await mqtt.endAsync()
  await heard('$SYS.ACCOUNT.A.DISCONNECT')
  await connectAsync(url, { ...options, password: 'wrong' }).catch(() => {})
  await heard(`$SYS.SERVER.${id}.CLIENT.AUTH.ERR`)
  const browser = await dialWebSocket(wsPort)
  await browser.talk.info()
  browser.talk.send('CONNECT {"user":"a","pass":"a","verbose":false}\r\n')
  await heard('$SYS.ACCOUNT.A.CONNECT')
  browser.talk.close()
  talk.close()
  return found
}

spec('system events', it => {
  it('are the same for MQTT and WebSocket clients as of nats-server', async () => {
    const wsPorts = [await freePort(), await freePort()]
    const mqttPort = await freePort()
    const confOf = (wsPort: number | undefined) =>
      `websocket { port: ${wsPort}, host: "127.0.0.1", no_tls: true }\n${accounts}`
    const edge = await startEdge({ jetstream: true, mqtt: true, conf: confOf(wsPorts[0]) })
    const hub = await startHub({
      version: 'newest',
      jetstream: true,
      conf: `mqtt { listen: "127.0.0.1:${mqttPort}" }\n${confOf(wsPorts[1])}`,
    })
    try {
      const ours = await others(edge.port, edge.mqttPort, wsPorts[0] ?? 0)
      const theirs = await others(hub.port, mqttPort, wsPorts[1] ?? 0)
      assert.equal(ours, theirs)
      assert.match(ours[0] ?? '', /"client_type":"mqtt","client_id":"thing"/)
    } finally {
      await edge.stop()
      await hub.stop()
    }
  })

  it('bring what a JWT says of a user, and each hears of himself', async () => {
    const user = account.user({}, { name: 'sensor', tags: ['roof'] })
    const watcher = system.user()
    const run = async (port: number) => {
      const talk = await enter(port, watcher)
      await listen(talk, `$SYS.ACCOUNT.${account.publicKey}.CONNECT`)
      const client = await enter(port, user)
      const { json } = await next(talk, `$SYS.ACCOUNT.${account.publicKey}.CONNECT`)
      const { start: _, host: _host, id: _id, ...rest } = json.client
      const info = (await ask(client, '$SYS.REQ.USER.INFO'))?.json.data
      for (const one of [talk, client]) one.close()
      return JSON.stringify([rest, info])
    }
    const edge = await startEdge({ conf: configOf() })
    const hub = await startHub({ version: 'newest', conf: configOf() })
    try {
      assert.is(await run(edge.port), await run(hub.port))
    } finally {
      await edge.stop()
      await hub.stop()
    }
  })

  it('tell of leaf nodes, and joined system accounts answer together', async () => {
    const leafPort = await freePort()
    const edge = await startEdge({
      conf: `leafnodes { listen: "127.0.0.1:${leafPort}" }\n${accounts.replace('jetstream: enabled,', '')}`,
    })
    const talk = await systemTalk(edge.port)
    await listen(talk, '$SYS.ACCOUNT.A.CONNECT', '$SYS.ACCOUNT.A.LEAFNODE.CONNECT')
    const { id } = (await ask(talk, '$SYS.REQ.SERVER.PING.IDZ'))!.json
    await listen(talk, `$SYS.SERVER.${id}.CLIENT.AUTH.ERR`)
    const stranger = await dial(leafPort)
    await stranger.info()
    stranger.send('CONNECT {"user":"zz","pass":"zz","name":"spoke"}\r\n')
    const refused = (await next(talk, `$SYS.SERVER.${id}.CLIENT.AUTH.ERR`)).json
    const { kind, user, acc } = refused.client
    assert.equal([kind, user, acc], ['Leafnode', 'zz', '$G'])
    assert.is(refused.reason, 'Authentication Failure')
    stranger.close()
    const remote = (user: string, account: string) =>
      `{ url: "nats-leaf://${user}:${user}@127.0.0.1:${leafPort}", account: "${account}" }`
    const hub = await startHub({
      conf: `leafnodes { remotes: [ ${remote('a', 'B')}, ${remote('s', '$SYS')} ] }
        accounts { $SYS { users: [ { user: s, password: s } ] }, B { users: [ { user: b, password: b } ] } }`,
    })
    try {
      const { json } = await next(talk, '$SYS.ACCOUNT.A.CONNECT')
      assert.equal([json.client.kind, json.client.acc], ['Leafnode', 'A'])
      assert.is((await next(talk, '$SYS.ACCOUNT.A.LEAFNODE.CONNECT')).json.acc, 'A')
      // The interest of the other system account comes when it comes: ask until both answer.
      talk.send('SUB in 2\r\n')
      const names = new Set<string>()
      while (names.size < 2) {
        talk.send('PUB $SYS.REQ.SERVER.PING.IDZ in 0\r\n\r\n')
        const answer = await next(talk, 'in', 200).catch(() => null)
        if (answer !== null) names.add(answer.json.name)
      }
      assert.equal([...names].sort(), ['edge', 'hub'])
      talk.send('UNSUB 2\r\n')
      // A user on the other side gets nothing of ours but what his own server answers.
      const other = await dialClient(hub.port, { user: 'b', pass: 'b' })
      other.send('SUB in 1\r\nPUB $SYS.REQ.USER.INFO in 0\r\n\r\n')
      const info = await next(other, 'in')
      assert.equal([info.json.server.name, info.json.data.user], ['hub', 'b'])
      assert.is(await next(other, 'in', 300).catch(() => null), null)
      const accountz = await ask(talk, '$SYS.REQ.ACCOUNT.A.LEAFZ')
      assert.is(accountz?.json.data.leafnodes, 1)
      other.close()
    } finally {
      talk.close()
      await hub.stop()
      await edge.stop()
    }
  })
})

spec('system requests to the process', (it, hooks) => {
  const started = startEdge({ conf: accounts.replace('jetstream: enabled,', '') })
  hooks.after(async () => void (await (await started).stop()))

  const reload = async (talk: Talk) => {
    const { json } = (await ask(talk, '$SYS.REQ.SERVER.PING.IDZ'))!
    return (await ask(talk, `$SYS.REQ.SERVER.${json.id}.RELOAD`))?.json
  }

  it('read the config again as SIGHUP does', async () => {
    const edge = await started
    const talk = await systemTalk(edge.port)
    appendFileSync(edge.conf, '\nmax_payload: 70000\n')
    assert.is((await reload(talk)).error, undefined)
    const client = await dial(edge.port)
    assert.is((await client.info()).max_payload, 70_000)
    appendFileSync(edge.conf, '\nmax_paylod: 1\n')
    const { error } = await reload(talk)
    assert.is(error.code, 500)
    assert.match(error.description, /nats-edge\.conf:\d+:\d+: unknown field "max_paylod"/)
    writeFileSync(
      edge.conf,
      `listen: "127.0.0.1:${edge.port}"\n${accounts.replace('jetstream: enabled,', '')}`,
    )
    client.close()
    talk.close()
  })

  it('take a profile of the processor', async () => {
    const talk = await systemTalk((await started).port)
    const body = { name: 'cpu', duration: 300_000_000 }
    const other = await systemTalk((await started).port)
    const subject = '$SYS.REQ.SERVER.PING.PROFILEZ'
    const answers = await Promise.all([ask(talk, subject, body), ask(other, subject, body)])
    const datas = answers.map(answer => answer?.json.data)
    const refused = datas.find(({ error }) => error !== undefined)
    assert.is(refused?.error, 'Profile "cpu" error: another profile is being taken')
    const taken = datas.find(({ profile }) => profile !== null)
    other.close()
    const profile = JSON.parse(Buffer.from(taken?.profile, 'base64').toString())
    assert.ok(Array.isArray(profile.nodes))
    talk.close()
  })

  it('hear that it stops', async () => {
    const edge = await started
    const talk = await systemTalk(edge.port)
    await listen(talk, '$SYS.SERVER.*.SHUTDOWN')
    const { json } = (await ask(talk, '$SYS.REQ.SERVER.PING.IDZ'))!
    const stopped = edge.stop()
    const gone = await next(talk, `$SYS.SERVER.${json.id}.SHUTDOWN`)
    assert.is(gone.json.id, json.id)
    await stopped
  })
})
