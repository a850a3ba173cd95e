// The system account in one process: time, bounds, peers, and what nobody may do.

import * as assert from 'uvu/assert'
import { FakeClock } from '../../src/base/clock.ts'
import { newSubscription, post } from '../../src/broker/post.ts'
import type { LocalSink, Message, Origin, RemoteSink } from '../../src/message.ts'
import { requestBytesMax } from '../../src/system/requests.ts'
import { spec } from '../support/spec.ts'
import { ask, type Json, next } from './ask.ts'
import { type Room, roomConf, type RoomOptions, startRoom } from './room.ts'

async function inRoom(
  run: (room: Room) => Promise<void> | void,
  conf = roomConf,
  options: RoomOptions = {},
): Promise<void> {
  const room = await startRoom(conf, options)
  try {
    await run(room)
  } finally {
    room.close()
  }
}

const textOf = ({ chunk, payloadStart, payloadEnd }: Message) =>
  chunk.toString('utf8', payloadStart, payloadEnd)

/** Listens inside the process. */
function listen(room: Room, subject: string, account = '$SYS'): { subject: string; json: Json }[] {
  const heard: { subject: string; json: Json }[] = []
  const sink: LocalSink = {
    remote: false,
    deliver: message => {
      heard.push({ subject: message.subject, json: JSON.parse(textOf(message)) })
    },
  }
  room.server.account(account).subscribe(newSubscription(subject, sink))
  return heard
}

/** A peer server on an account, as a route or a leaf node is. */
function peerOf(room: Room, kind: 'route' | 'leaf', account = '$SYS') {
  const heard: { subject: string; reply: string; text: string }[] = []
  const sink: RemoteSink = {
    remote: true,
    accepts: origin => origin.sink !== sink,
    deliver: message => {
      const { subject, reply } = message
      heard.push({ subject, reply, text: textOf(message) })
    },
  }
  const origin: Origin = { kind, sink, echo: false, permissions: null }
  const own = room.server.account(account)
  return {
    heard,
    subscribe: (subject: string) => own.subscribe(newSubscription(subject, sink)),
    publish: (subject: string, payload: object | string, reply = '') =>
      post(own, origin, {
        subject,
        reply,
        payload: Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)),
      }),
  }
}

const turn = () => new Promise(resolve => setImmediate(resolve))

spec('system account: time', it => {
  it('statistics come soon, then less often, and never without a listener', async () => {
    const clock = new FakeClock()
    await inRoom(
      room => {
        clock.advance(60_000)
        const heard = listen(room, '$SYS.SERVER.*.STATSZ')
        clock.advance(100_000)
        assert.is(heard.length, 10)
        assert.is(heard[0]?.json.server.seq, 1)
      },
      roomConf,
      { clock },
    )
    const early = new FakeClock()
    await inRoom(
      room => {
        const heard = listen(room, '$SYS.SERVER.*.STATSZ')
        const came: number[] = []
        for (let ms = 250; ms <= 30_000; ms += 250) {
          early.advance(250)
          if (heard.splice(0).length > 0) came.push(ms)
        }
        // As nats-server was seen to do it.
        assert.equal(came, [250, 1250, 3250, 7250, 15_250, 25_250])
      },
      roomConf,
      { clock: early },
    )
  })

  it('an account with connections says how many every half minute', async () => {
    const clock = new FakeClock()
    await inRoom(
      async room => {
        const heard = listen(room, '$SYS.ACCOUNT.*.SERVER.CONNS')
        const old = listen(room, '$SYS.SERVER.ACCOUNT.*.CONNS')
        clock.advance(60_000)
        assert.is(heard.length, 0)
        await room.login('a')
        assert.is(heard.length, 1)
        clock.advance(90_000)
        assert.is(heard.length, 4)
        assert.equal(
          heard.map(({ json }) => json.conns),
          [1, 1, 1, 1],
        )
        assert.is(old.length, 4)
      },
      roomConf,
      { clock },
    )
  })

  it('going is said', () =>
    inRoom(room => {
      const heard = listen(room, '$SYS.SERVER.>')
      room.server.enterLameDuck()
      room.system?.close()
      room.system?.close()
      const { id } = room.server
      const going = heard.filter(({ subject }) => !subject.endsWith('STATSZ'))
      assert.equal(
        going.map(({ subject, json }) => [subject, json.id]),
        [
          [`$SYS.SERVER.${id}.LAMEDUCK`, id],
          [`$SYS.SERVER.${id}.SHUTDOWN`, id],
        ],
      )
    }))
})

spec('system account: bounds', it => {
  it('a request may be so large and no larger', () =>
    inRoom(async room => {
      const system = await room.login('s')
      const fill = (bytes: number) => `{}${' '.repeat(bytes - 2)}`
      const subject = '$SYS.REQ.SERVER.PING.HEALTHZ'
      const good = await ask(system, subject, fill(requestBytesMax))
      assert.is(good?.json.data.status_code, 200)
      const bad = await ask(system, subject, fill(requestBytesMax + 1))
      assert.equal(bad?.json.error, { code: 400, description: 'request of more than 65536 bytes' })
      assert.is((await ask(system, subject))?.json.data.status_code, 200)
    }))

  it('of too many requests some are dropped, once with a word, and then it goes on', () =>
    inRoom(async room => {
      const [system, other] = [await room.login('s'), await room.login('s')]
      system.send('SUB in 1\r\n')
      const request = 'PUB $SYS.REQ.SERVER.PING.IDZ in 0\r\n\r\n'
      system.send(request.repeat(300))
      assert.is((await ask(other, '$SYS.REQ.SERVER.PING.IDZ'))?.json.id, room.server.id)
      await system.sync().catch(() => {})
      await turn()
      assert.is(room.log.filter(line => /requests come faster/.test(line)).length, 1)
      const figures = room.system?.view() as Json
      assert.ok(figures.dropped_requests >= 40 && figures.requests >= 256, JSON.stringify(figures))
      const again = await ask(other, '$SYS.REQ.SERVER.PING.IDZ')
      assert.is(again?.json.id, room.server.id)
    }))

  it('an answer larger than a message says so, and packed it may fit', () =>
    inRoom(async room => {
      const system = await room.login('s')
      for (let i = 0; i < 6; i++) await room.login('a')
      const plain = await ask(system, '$SYS.REQ.SERVER.PING.CONNZ')
      assert.match(
        plain?.json.error.description,
        /^answer of \d+ bytes exceeds the maximum payload/,
      )
      const asking = { headers: 'Accept-Encoding: snappy' }
      const packed = await ask(system, '$SYS.REQ.SERVER.PING.CONNZ', '', asking)
      assert.match(packed?.headers ?? '', /snappy/)
      const less = await ask(system, '$SYS.REQ.SERVER.PING.CONNZ', { limit: 1 })
      assert.is(less?.json.data.connections.length, 1)
    }, `max_payload: 1300\n${roomConf}`))

  it('a client may ask about its account so often in a second', async () => {
    const clock = new FakeClock()
    await inRoom(
      async room => {
        const client = await room.login('a')
        client.send('SUB in 1\r\n')
        const flood = async () => {
          client.send('PUB $SYS.REQ.USER.INFO in 0\r\n\r\n'.repeat(70))
          for (let i = 0; i < 64; i++) await next(client, 'in')
          await client.sync()
        }
        await flood()
        clock.advance(1000)
        await flood()
      },
      roomConf,
      { clock },
    )
  })

  it('subscriptions are shown up to a bound', () =>
    inRoom(async room => {
      const [system, client] = [await room.login('s'), await room.login('a')]
      const { subscriptions } = [...room.server.clients.values()].at(-1)!
      const one = newSubscription('x', { remote: false, deliver() {} })
      const subject = '$SYS.REQ.SERVER.PING.CONNZ'
      for (let i = 0; i < 100_001; i++) subscriptions.set(`_${i}`, one)
      const all = await ask(system, subject, { subscriptions: true })
      assert.match(all?.json.error.description, /^too many subscriptions/)
      assert.is((await ask(system, subject))?.json.data.num_connections, 2)
      const own = await ask(system, subject, { subscriptions: true, acc: '$SYS' })
      assert.is(own?.json.data.num_connections, 1)
      subscriptions.clear()
      client.close()
    }))

  it('nothing is made for nobody', () =>
    inRoom(async room => {
      const heard = listen(room, '$SYS.ACCOUNT.A.DISCONNECT')
      const client = await room.login('a')
      client.close()
      while (heard.length === 0) await turn()
      // CONNECT and CONNS had no listener: they have no number either.
      assert.is(heard[0]?.json.server.seq, 1)
    }))
})

spec('system account: who may what', it => {
  it('a leaf node of another account gets nothing, nor is it told of anything', () =>
    inRoom(async room => {
      const leaf = peerOf(room, 'leaf', 'A')
      leaf.subscribe('in.>')
      await room.login('a')
      for (const { subject } of room.server.account('A').sublist) {
        if (subject.startsWith('$SYS.')) leaf.publish(subject, '', 'in.x')
      }
      leaf.publish('$SYS.REQ.SERVER.PING.VARZ', '', 'in.x')
      await turn()
      await turn()
      assert.equal(leaf.heard, [])
      const told = [...room.server.account('A').sublist].filter(({ sink }) => !sink.remote)
      assert.ok(told.length >= 4 && told.every(({ sink }) => !sink.remote && sink.isPrivate))
    }))

  it('a user cannot ask as somebody else by publishing into the inbox of the broker', () =>
    inRoom(async room => {
      const a = await room.login('a')
      a.send('SUB $SYS.> 1\r\nPUB $SYS._INBOX.x.y 2\r\nhi\r\n')
      // He hears himself, in his own account, and nothing of the system's.
      await a.expect('MSG $SYS._INBOX.x.y 1 2\r\nhi\r\n')
      await room.login('s')
      await a.sync()
    }))

  it('subscribers are counted in the account of the client, whatever its header says', () =>
    inRoom(async room => {
      const [a, system] = [await room.login('a'), await room.login('s')]
      a.send('SUB foo 1\r\nSUB foo 2\r\n')
      await a.sync()
      const lying = { headers: 'Nats-Request-Info: {"acc":"A"}' }
      const own = await ask(system, '$SYS.DEBUG.SUBSCRIBERS', 'foo', lying)
      assert.is(own?.bytes.toString(), '0')
      // What comes by a service import says itself whose it is.
      const answers: string[] = []
      const sink: LocalSink = {
        remote: false,
        deliver: message => void answers.push(textOf(message)),
      }
      room.server.account('$SYS').subscribe(newSubscription('in', sink))
      const request = {
        subject: '$SYS.DEBUG.SUBSCRIBERS',
        reply: 'in',
        payload: Buffer.from('foo'),
      }
      const headers = Buffer.from('NATS/1.0\r\nNats-Request-Info: {"acc":"A"}\r\n\r\n')
      const origin: Origin = { kind: 'account', sink: null, echo: true, permissions: null }
      post(room.server.account('$SYS'), origin, { ...request, headers })
      while (answers.length === 0) await turn()
      assert.equal(answers, ['2'])
    }))

  it('without a system account there is none of it', () =>
    inRoom(async room => {
      assert.is(room.system, null)
      assert.not.ok(room.server.accounts.has('$SYS'))
    }, 'no_system_account: true'))

  it('another account may be the system account', () =>
    inRoom(async room => {
      const system = await room.login('o')
      assert.is((await ask(system, '$SYS.REQ.SERVER.PING.IDZ'))?.json.id, room.server.id)
      const { json } = (await ask(system, '$SYS.REQ.USER.INFO'))!
      assert.is(json.data.account, 'OPS')
    }, 'system_account: OPS\naccounts { OPS { users: [ { user: o, password: o } ] } }'))

  it('an account made later has its imports', () =>
    inRoom(async room => {
      const made = room.server.account('LATE')
      assert.is([...made.sublist].length, 4)
    }))

  it('a reload says why not', () => {
    let problem: string | null = 'nats.conf:1:1: no'
    return inRoom(
      async room => {
        const system = await room.login('s')
        const subject = `$SYS.REQ.SERVER.${room.server.id}.RELOAD`
        const bad = await ask(system, subject)
        assert.equal(bad?.json.error, { code: 500, description: 'nats.conf:1:1: no' })
        problem = null
        assert.equal(Object.keys((await ask(system, subject))?.json), ['server'])
        // For another server: not done, not answered.
        assert.is(await ask(system, subject, { server_name: 'other' }, { msMax: 100 }), null)
      },
      roomConf,
      { reload: () => problem },
    )
  })

  it('is traced under -VV only', async () => {
    const traced = async (conf: string) => {
      let lines: readonly string[] = []
      await inRoom(
        async room => {
          listen(room, '$SYS.ACCOUNT.A.CONNECT')
          await room.login('a')
          lines = room.log.filter(line => line.startsWith('SYSTEM'))
        },
        `${conf}\n${roomConf}`,
        { trace: true },
      )
      return lines
    }
    assert.equal(await traced('trace: true'), [])
    const lines = await traced('trace_verbose: true')
    assert.ok(lines.includes('SYSTEM - <<- [SUB $SYS.REQ.SERVER.PING]'))
    assert.ok(
      lines.some(line => /^SYSTEM - <<- \[PUB \$SYS\.ACCOUNT\.A\.CONNECT {2}\d+\]$/.test(line)),
    )
    assert.ok(lines.some(line => /^SYSTEM - <<- MSG_PAYLOAD: \["\{\\"type/.test(line)))
  })
})

spec('system account: other servers', it => {
  const statsz = (id: string) => [`$SYS.SERVER.${id}.STATSZ`, { server: { id } }] as const

  it('are counted while they are heard', async () => {
    const clock = new FakeClock()
    await inRoom(
      async room => {
        const route = peerOf(room, 'route')
        const system = await room.login('s')
        const count = async () =>
          (await ask(system, '$SYS.REQ.SERVER.PING'))?.json.statsz.active_servers
        route.publish(...statsz('N2'))
        route.publish(...statsz('N3'))
        assert.is(await count(), 3)
        route.publish('$SYS.SERVER.N2.SHUTDOWN', { id: 'N2' })
        assert.is(await count(), 2)
        clock.advance(100_000)
        assert.is(await count(), 2)
        clock.advance(200_000)
        assert.is(await count(), 1)
        // A client cannot make one up.
        system.send('PUB $SYS.SERVER.N9.STATSZ 2\r\n{}\r\n')
        await system.sync()
        assert.is(await count(), 1)
      },
      roomConf,
      { clock },
    )
  })

  it('hear of us when they come', () =>
    inRoom(room => {
      const route = peerOf(room, 'route')
      route.subscribe('$SYS.SERVER.*.STATSZ')
      route.publish(...statsz('N2'))
      assert.is(route.heard.length, 1)
    }))

  it('answer for an account too, and the client hears all of them', () =>
    inRoom(async room => {
      const route = peerOf(room, 'route')
      route.subscribe('$SYS.REQ.ACCOUNT.*.CONNZ')
      const client = await room.login('a')
      client.send('SUB in 1\r\nPUB $SYS.REQ.ACCOUNT.PING.CONNZ in 2\r\n{}\r\n')
      const own = await next(client, 'in')
      assert.is(own.json.server.id, room.server.id)
      const [request] = route.heard
      assert.is(request?.subject, '$SYS.REQ.ACCOUNT.A.CONNZ')
      route.publish(request?.reply ?? '', { server: { id: 'N2' } })
      assert.is((await next(client, 'in')).json.server.id, 'N2')
    }))

  it('help to count subscribers, unless they take too long', async () => {
    const clock = new FakeClock()
    await inRoom(
      async room => {
        const route = peerOf(room, 'route')
        route.subscribe('$SYS.REQ.ACCOUNT.NSUBS')
        route.publish(...statsz('N2'))
        const system = await room.login('s')
        system.send('SUB in 1\r\nSUB foo 2\r\nSUB foo q 3\r\n')
        const count = 'PUB $SYS.DEBUG.SUBSCRIBERS in 3\r\nfoo\r\n'
        system.send(count)
        while (route.heard.length === 0) await turn()
        const { reply = '', text = '' } = route.heard[0] ?? {}
        assert.equal(JSON.parse(text), { acc: '$SYS', subject: 'foo' })
        route.publish(reply, '5')
        await system.expect('MSG in 1 1\r\n7\r\n')
        system.send(count)
        while (route.heard.length === 1) await turn()
        clock.advance(600)
        await system.expect('MSG in 1 1\r\n2\r\n')
        // And it answers them.
        const queue = Buffer.from('q').toString('base64')
        route.subscribe('r')
        route.publish('$SYS.REQ.ACCOUNT.NSUBS', { acc: '$SYS', subject: 'foo', queue }, 'r')
        while (route.heard.at(-1)?.subject !== 'r') await turn()
        assert.is(route.heard.at(-1)?.text, '1')
      },
      roomConf,
      { clock },
    )
  })
})
