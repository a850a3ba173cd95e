// JetStream through the door, without sockets: acknowledgements and the disk, receipts, domains,
// advisories, reservations, updates and restarts.

import * as assert from 'uvu/assert'
import { Acks } from '../../edge/store/acks.ts'
import { JetStream } from '../../edge/store/jetstream.ts'
import { type JetStreamOptions, jetstreamDefaults } from '../../edge/store/options.ts'
import { Replies } from '../../edge/store/replies.ts'
import { Account } from '../../src/account/account.ts'
import { realClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { Turn } from '../../src/base/turn.ts'
import { headersOf, newSubscription, payloadOf, post } from '../../src/broker/post.ts'
import type { Message, Origin, Receipt } from '../../src/message.ts'
import { Query } from '../../src/monitor/query.ts'
import { scratch } from '../support/directory.ts'
import { spec } from '../support/spec.ts'

const origin: Origin = { kind: 'client', sink: null, echo: true, permissions: null }

/** Collects what comes on a subject, as `subject headers|payload`. */
function listen(account: Account, subject: string): string[] {
  const heard: string[] = []
  const deliver = (message: Message): void => {
    const head = headersOf(message).toString().trim()
    heard.push(`${message.subject} ${head}|${payloadOf(message)}`)
  }
  account.subscribe(newSubscription(subject, { remote: false, deliver }))
  return heard
}

/** The fields of API answers that these tests look at. */
interface Answer {
  readonly error?: { readonly err_code: number }
  readonly state?: { readonly messages: number; readonly last_seq: number }
  readonly message?: { readonly subject: string }
  readonly domain?: string
  readonly total?: number
  readonly reserved_memory?: number
  readonly reserved_storage?: number
}

/** A room on a store of its own. */
class Fixture {
  readonly account = new Account('$G')
  readonly turn = new Turn()
  readonly jetstream: JetStream
  #inbox = 0

  constructor(options: Partial<JetStreamOptions> = {}, dir = scratch('store')) {
    this.jetstream = new JetStream({
      options: { ...jetstreamDefaults(), store_dir: dir, ...options },
      accounts: [this.account],
      serverId: 'NSERVER',
      serverName: 'edge',
      log: silentLog,
      clock: realClock,
      turn: this.turn,
    })
  }

  async ask(subject: string, body: unknown = '', headers = ''): Promise<string> {
    const reply = `_I.${++this.#inbox}`
    const payload = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
    return new Promise(resolve => {
      const deliver = (message: Message): void =>
        resolve(`${headersOf(message).toString().trim()}|${payloadOf(message)}`)
      account(this).subscribe(newSubscription(reply, { remote: false, deliver }))
      const block = headers === '' ? undefined : Buffer.from(`NATS/1.0\r\n${headers}\r\n\r\n`)
      const what = { subject, reply, payload, ...(block && { headers: block }) }
      if (post(this.account, origin, what) === 0) resolve('no responders')
    })
  }

  async json(subject: string, body: unknown = ''): Promise<Answer> {
    const answer = await this.ask(subject, body)
    return JSON.parse(answer.slice(answer.indexOf('|') + 1))
  }

  create(name: string, config: Record<string, unknown> = {}): Promise<Answer> {
    return this.json(`$JS.API.STREAM.CREATE.${name}`, { name, ...config })
  }
}

const account = (fixture: Fixture): Account => fixture.account

async function withRoom(
  run: (room: Fixture) => Promise<void>,
  options: Partial<JetStreamOptions> = {},
  dir = scratch('store'),
): Promise<void> {
  const room = new Fixture(options, dir)
  await room.jetstream.start()
  try {
    await run(room)
  } finally {
    await room.jetstream.close()
  }
}

/** A disk that is done when told. */
class FakeDisk {
  groups = 0
  readonly waiting: ((error?: Error) => void)[] = []

  onDisk(done: (error?: Error) => void): void {
    this.waiting.push(done)
  }
}

function receiptOf(log: string[]): Receipt {
  return {
    hold: () => log.push('hold'),
    release: error => log.push(error ? `release ${error.message}` : 'release'),
  }
}

spec('publish acknowledgements', it => {
  it('leave when their group is on disk, in order, and not before', () => {
    const to = new Account('$G')
    const heard = listen(to, '_I.>')
    const disk = new FakeDisk()
    const acks = new Acks(new Replies(to), disk)
    acks.whenOnDisk('_I.1', null, 'S', 'one')
    acks.whenOnDisk('_I.2', null, 'S', 'two')
    disk.groups++
    acks.whenOnDisk('_I.3', null, 'S', 'three')
    assert.equal(heard, [])
    assert.is(disk.waiting.length, 2)
    disk.waiting[0]?.()
    assert.equal(heard, ['_I.1 |one', '_I.2 |two'])
    acks.whenOnDisk('_I.4', null, 'S', 'four')
    disk.waiting[1]?.()
    assert.equal(heard.slice(2), ['_I.3 |three', '_I.4 |four'])
  })

  it('turn into refusals when the disk fails, and the next group is asked anew', () => {
    const to = new Account('$G')
    const heard = listen(to, '_I.>')
    const log: string[] = []
    const disk = new FakeDisk()
    const acks = new Acks(new Replies(to), disk)
    acks.whenOnDisk('_I.1', receiptOf(log), 'S', 'one')
    disk.waiting[0]?.(new Error('ENOSPC'))
    assert.equal(heard, [
      '_I.1 |{"error":{"code":503,"err_code":10077,"description":"ENOSPC"},"stream":"S","seq":0}',
    ])
    assert.equal(log, ['hold', 'release ENOSPC'])
    // The group's number has not moved, yet that batch is gone.
    acks.whenOnDisk('_I.2', null, 'S', 'two')
    assert.is(disk.waiting.length, 2)
    disk.waiting[1]?.()
    assert.is(heard[1], '_I.2 |two')
  })

  it('carry long and unusual texts whole', () => {
    const to = new Account('$G')
    const heard = listen(to, '_I.>')
    const replies = new Replies(to)
    const sizes = [1, 1024, 1025, 5000]
    for (const size of sizes) replies.send('_I.1', 'ü'.repeat(size))
    assert.equal(
      heard,
      sizes.map(size => `_I.1 |${'ü'.repeat(size)}`),
    )
    replies.sendStatus('_I.1', '503')
    assert.is(heard.at(-1), '_I.1 NATS/1.0 503|')
  })
})

spec('jetstream room', it => {
  it('holds a receipt until the message is on disk', () =>
    withRoom(async room => {
      await room.create('S', { subjects: ['s'], max_msg_size: 5 })
      const log: string[] = []
      await new Promise<void>(done => {
        const receipt = receiptOf(log)
        post(room.account, origin, {
          subject: 's',
          payload: Buffer.from('x'),
          receipt: {
            hold: () => receipt.hold(),
            release: error => {
              receipt.release(error)
              done()
            },
          },
        })
        assert.equal(log, ['hold'])
        assert.is(room.jetstream.streams('$G')?.stream('S')?.readableSeq, 0)
      })
      assert.equal(log, ['hold', 'release'])
      assert.is(room.jetstream.streams('$G')?.stream('S')?.readableSeq, 1)
      const refusal: string[] = []
      post(room.account, origin, {
        subject: 's',
        payload: Buffer.from('123456'),
        receipt: receiptOf(refusal),
      })
      assert.equal(refusal, ['hold', 'release message size exceeds maximum allowed'])
    }))

  it('answers a domain as itself', () =>
    withRoom(
      async room => {
        const api = '$JS.edge.API.'
        await room.json(`${api}STREAM.CREATE.S`, { name: 'S', subjects: ['s', '$KV.b.>'] })
        assert.is(await room.ask('s', 'x'), '|{"stream":"S","domain":"edge","seq":1}')
        assert.is((await room.json(`${api}STREAM.INFO.S`)).domain, 'edge')
        assert.is((await room.json(`${api}INFO`)).domain, 'edge')
        assert.is(await room.ask(`${api}$KV.b.k`, 'v'), '|{"stream":"S","domain":"edge","seq":2}')
        const { message } = await room.json(`${api}STREAM.MSG.GET.S`, { seq: 2 })
        assert.is(message?.subject, '$KV.b.k')
        assert.is(await room.ask(`${api}CONSUMER.MSG.NEXT.S.none`), 'NATS/1.0 503|')
        assert.is(await room.ask(`${api}$KV.none.k`), 'NATS/1.0 503|')
        assert.is(await room.ask('$JS.other.API.INFO'), 'no responders')
      },
      { domain: 'edge' },
    ))

  it('tells of streams and requests only those who listen', () =>
    withRoom(async room => {
      await room.create('A')
      const heard = listen(room.account, '$JS.EVENT.ADVISORY.>')
      await room.create('B')
      await room.json('$JS.API.STREAM.UPDATE.B', { name: 'B', description: 'd' })
      await room.json('$JS.API.STREAM.DELETE.B')
      await room.json('$JS.API.STREAM.MSG.GET.A', { seq: 1 })
      assert.equal(
        heard.map(text => text.slice('$JS.EVENT.ADVISORY.'.length, text.indexOf(' '))),
        ['STREAM.CREATED.B', 'API', 'STREAM.UPDATED.B', 'API', 'STREAM.DELETED.B', 'API'],
      )
      const created = JSON.parse((heard[0] as string).split('|')[1] as string)
      assert.equal(Object.keys(created), ['type', 'id', 'timestamp', 'stream', 'action'])
      assert.is(created.type, 'io.nats.jetstream.advisory.v1.stream_action')
      assert.is(created.id.length, 22)
      assert.is(created.action, 'create')
      const audit = JSON.parse((heard[1] as string).slice((heard[1] as string).indexOf('|') + 1))
      assert.is(audit.type, 'io.nats.jetstream.advisory.v1.api_audit')
      assert.is(audit.subject, '$JS.API.STREAM.CREATE.B')
      assert.is(audit.request, '{"name":"B"}')
      assert.ok(audit.response.startsWith('{"type":"io.nats.jetstream.api.v1.stream_create_'))
    }))

  it('reserves up to its limits and not past them', () =>
    withRoom(
      async room => {
        const code = async (name: string, config: Record<string, unknown>): Promise<number> =>
          (await room.create(name, config)).error?.err_code ?? 0
        assert.is(await code('A', { max_bytes: 600 }), 0)
        assert.is(await code('B', { max_bytes: 401 }), 10047)
        assert.is(await code('B', { max_bytes: 400 }), 0)
        assert.is(await code('C', { max_bytes: 1 }), 10047)
        assert.is(await code('M', { max_bytes: 501, storage: 'memory' }), 10028)
        assert.is(await code('M', { max_bytes: 500, storage: 'memory' }), 0)
        const smaller = { name: 'A', max_bytes: 599 }
        assert.is((await room.json('$JS.API.STREAM.UPDATE.A', smaller)).error, undefined)
        assert.is(await code('C', { max_bytes: 1 }), 0)
        const info = await room.json('$JS.API.INFO')
        assert.equal([info.reserved_memory, info.reserved_storage], [500, 1000])
      },
      { max_file_store: 1000, max_memory_store: 500 },
    ))

  it('holds up to its limits and not past them, until there is room again', () =>
    withRoom(
      async room => {
        await room.create('A', { subjects: ['a'] })
        await room.create('M', { subjects: ['m'], storage: 'memory' })
        // 16 + 1 + 33 bytes each, as nats-server counts.
        for (let i = 1; i <= 9; i++) assert.match(await room.ask('m', 'x'.repeat(33)), /"seq"/)
        assert.match(await room.ask('m', 'x'.repeat(34)), /"err_code":10023/)
        assert.match(await room.ask('m', 'x'.repeat(33)), /"seq":10/)
        assert.match(await room.ask('m', 'x'), /"err_code":10023/)
        assert.match(await room.ask('a', 'x'), /"seq":1/)
        await room.json('$JS.API.STREAM.PURGE.M', { keep: 1 })
        assert.match(await room.ask('m', 'x'), /"seq":11/)
        // A stream that reserved its room goes on for ever, and nobody else gets into it.
        const config = { subjects: ['r'], storage: 'memory', max_bytes: 400 }
        assert.is((await room.create('R', config)).error, undefined)
        for (let i = 1; i <= 20; i++) assert.match(await room.ask('r', 'x'.repeat(83)), /"seq"/)
        assert.match(await room.ask('m', 'x'.repeat(33)), /"err_code":10023/)
      },
      { max_memory_store: 500 },
    ))

  it('follows an update: subjects, direct get', () =>
    withRoom(async room => {
      await room.create('S', { subjects: ['a', 'b'] })
      assert.match(await room.ask('b', '1'), /"seq":1/)
      assert.is(await room.ask('$JS.API.DIRECT.GET.S', { seq: 1 }), 'NATS/1.0 503|')
      const config = { name: 'S', subjects: ['b', 'c'], allow_direct: true }
      await room.json('$JS.API.STREAM.UPDATE.S', config)
      assert.is(await room.ask('a', '2'), 'no responders')
      assert.match(await room.ask('c', '3'), /"seq":2/)
      assert.match(await room.ask('b', '4'), /"seq":3/)
      assert.match(
        await room.ask('$JS.API.DIRECT.GET.S.b'),
        /^NATS\/1\.0\r\nNats-Stream: S\r\nNats-Subject: b\r\nNats-Sequence: 3\r\nNats-Time-Stamp: [^\r]+\|4$/,
      )
      await room.json('$JS.API.STREAM.DELETE.S')
      assert.is(await room.ask('b', '5'), 'no responders')
      assert.is(await room.ask('$JS.API.DIRECT.GET.S', { seq: 1 }), 'NATS/1.0 503|')
    }))

  it('does not answer where no_ack says so, and stores all the same', () =>
    withRoom(async room => {
      await room.create('S', { subjects: ['s'], no_ack: true })
      const heard = listen(room.account, '_R')
      post(room.account, origin, { subject: 's', reply: '_R', payload: Buffer.from('x') })
      const info = await room.json('$JS.API.STREAM.INFO.S')
      assert.is(info.state?.messages, 1)
      assert.equal(heard, [])
    }))

  it('spends a sequence on what nobody wants (interest retention)', () =>
    withRoom(async room => {
      await room.create('S', { subjects: ['s.*'], retention: 'interest' })
      assert.match(await room.ask('s.a', '1'), /"seq":1/)
      const config = { durable_name: 'c', ack_policy: 'explicit', filter_subject: 's.b' }
      const body = { stream_name: 'S', config }
      assert.is((await room.json('$JS.API.CONSUMER.DURABLE.CREATE.S.c', body)).error, undefined)
      assert.match(await room.ask('s.b', '2'), /"seq":2/)
      assert.match(await room.ask('s.a', '3'), /"seq":3/)
      const { state } = await room.json('$JS.API.STREAM.INFO.S')
      assert.equal([state?.messages, state?.last_seq], [1, 3])
    }))

  it('is the same after a restart', async () => {
    const dir = scratch('store')
    await withRoom(
      async room => {
        await room.create('S', { subjects: ['s'], allow_direct: true })
        await room.ask('s', 'x', 'Nats-Msg-Id: 1')
      },
      {},
      dir,
    )
    await withRoom(
      async room => {
        assert.is(
          await room.ask('s', 'x', 'Nats-Msg-Id: 1'),
          '|{"stream":"S","seq":1,"duplicate": true}',
        )
        assert.is(await room.ask('s', 'y'), '|{"stream":"S","seq":2}')
        assert.match(await room.ask('$JS.API.DIRECT.GET.S', { seq: 1 }), /\|x$/)
        assert.is((await room.create('S', { subjects: ['s'] })).error?.err_code, 10058)
        assert.is((await room.create('T', { subjects: ['s'] })).error?.err_code, 10065)
      },
      {},
      dir,
    )
  })

  it('keeps nothing of a stream that was deleted', async () => {
    const dir = scratch('store')
    await withRoom(
      async room => {
        await room.create('S', { subjects: ['s'] })
        await room.ask('s', 'x', 'Nats-Msg-Id: 1')
        await room.json('$JS.API.STREAM.DELETE.S')
        await room.create('S', { subjects: ['s'] })
        assert.is(await room.ask('s', 'x', 'Nats-Msg-Id: 1'), '|{"stream":"S","seq":1}')
        await room.json('$JS.API.STREAM.DELETE.S')
      },
      {},
      dir,
    )
    await withRoom(
      async room => assert.is((await room.json('$JS.API.STREAM.NAMES')).total, 0),
      {},
      dir,
    )
  })

  it('shows itself to monitoring', () =>
    withRoom(
      async room => {
        await room.create('S', { subjects: ['s'] })
        await room.ask('s', 'x')
        const body = { stream_name: 'S', config: { durable_name: 'c', ack_policy: 'explicit' } }
        await room.json('$JS.API.CONSUMER.DURABLE.CREATE.S.c', body)
        const short = room.jetstream.jsz(new Query(new URLSearchParams('')))
        assert.equal(Object.keys(short), [
          'server_id',
          'now',
          'config',
          'limits',
          'memory',
          'storage',
          'reserved_memory',
          'reserved_storage',
          'accounts',
          'ha_assets',
          'api',
          'streams',
          'consumers',
          'messages',
          'bytes',
          'total',
        ])
        assert.equal([short.streams, short.consumers, short.messages], [1, 1, 1])
        const raft = room.jetstream.jsz(new Query(new URLSearchParams('raft=1&limit=-3')))
        assert.equal([raft.streams_leader, raft.consumers_leader, raft.total], [1, 1, 1])
        assert.not('account_details' in raft)
        const query = new Query(new URLSearchParams('consumers=1&config=1'))
        const full = JSON.stringify(room.jetstream.jsz(query))
        assert.match(full, /"stream_detail":\[\{"name":"S","created":"/)
        assert.match(full, /"consumer_detail":\[\{"stream_name":"S","name":"c"/)
        assert.match(JSON.stringify(room.jetstream.varz()), /"sync_always":true,"domain":"d"/)
        assert.is(room.jetstream.problem(), null)
        assert.ok(room.jetstream.hasStream('$G', 'S'))
        assert.not.ok(room.jetstream.hasStream('$G', 'T'))
        assert.ok(room.jetstream.hasConsumer('$G', 'S', 'c'))
        assert.not.ok(room.jetstream.hasConsumer('$G', 'S', 'd'))
        assert.not.ok(room.jetstream.hasAccount('$SYS'))
        assert.throws(() => room.jetstream.jsz(new Query(new URLSearchParams('streams=maybe'))))
      },
      { domain: 'd' },
    ))

  it('survives garbage on every verb', () =>
    withRoom(async room => {
      await room.create('S', { subjects: ['s'], allow_direct: true })
      await room.create('ALIVE', { subjects: ['alive'] })
      const verbs = ['CREATE', 'UPDATE', 'DELETE', 'PURGE', 'INFO', 'MSG.GET', 'MSG.DELETE']
      const subjects = [
        ...verbs.map(verb => `$JS.API.STREAM.${verb}.S`),
        '$JS.API.STREAM.NAMES',
        '$JS.API.STREAM.LIST',
        '$JS.API.INFO',
        '$JS.API.CONSUMER.CREATE.S',
        '$JS.API.CONSUMER.CREATE.S.c',
        '$JS.API.CONSUMER.NAMES.S',
        '$JS.API.DIRECT.GET.S',
      ]
      const bodies = [
        '{',
        '[]',
        'null',
        '"x"',
        '\0\xff\xfe',
        '['.repeat(50_000),
        `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
        '{"name":"S","subjects":[[]],"seq":-1,"offset":-5,"keep":1e400}',
        '{"name":{},"seq":"1","subject":7,"subjects_filter":[],"last_by_subj":{}}',
        '{"name":"S","config":5,"stream_name":[]}',
        '{"seq":9007199254740993}',
        '{"last_by_subj":"a..b","subjects_filter":"..","filter":"> >"}',
      ]
      for (const subject of subjects) {
        if (subject.includes('DELETE.S')) continue
        for (const body of bodies) {
          assert.match(await room.ask(subject, body), /\|/, `${subject} ${body.slice(0, 40)}`)
        }
      }
      assert.match(await room.ask('alive', 'x'), /"seq":1\}$/)
    }))
})
