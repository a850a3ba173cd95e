// Any body and any header at every service: the answer is an answer, and the broker stays.

import * as assert from 'uvu/assert'
import { newSubscription, post } from '../../src/broker/post.ts'
import type { LocalSink, Origin } from '../../src/message.ts'
import { snappyStream } from '../../src/wire/s2.ts'
import { accountViews, serverViews } from '../../src/system/views.ts'
import { fuzz, mutated, Random } from '../support/fuzz.ts'
import { spec } from '../support/spec.ts'
import { roomConf, startRoom } from './room.ts'
import { unsnappy } from './unsnappy.ts'

const values = [
  true,
  false,
  0,
  1,
  -1,
  1.5,
  2 ** 53,
  1e308,
  '',
  'A',
  '$SYS',
  'cid',
  'subs',
  'reason',
  '>',
  'foo.*',
  '\0',
  '__proto__',
  null,
  [],
  ['A'],
  [1],
  {},
]

const fields = new Set([
  'server_name',
  'tags',
  'domain',
  'include_unused',
  'accounts',
  'acc',
  'subject',
  'queue',
  'cid',
  'name',
  'duration',
  '__proto__',
  'constructor',
])
for (const { fields: more } of [...Object.values(serverViews), ...Object.values(accountViews)]) {
  for (const name of Object.keys(more)) fields.add(name)
}

function body(random: Random): Buffer {
  const some = Array.from({ length: random.below(5) }, () => [
    random.pick([...fields]),
    random.pick(values),
  ])
  const text = Buffer.from(JSON.stringify(Object.fromEntries(some)))
  return random.below(3) === 0 ? mutated(text, random) : text
}

const headers = [
  '',
  'NATS/1.0\r\n\r\n',
  'NATS/1.0\r\nAccept-Encoding: gzip\r\n\r\n',
  'NATS/1.0\r\nAccept-Encoding: snappy\r\n\r\n',
  'NATS/1.0\r\nNats-Request-Info: {"acc":"A"}\r\n\r\n',
  'NATS/1.0\r\nNats-Request-Info: null\r\n\r\n',
]

spec('system services under noise', it => {
  it('answer whatever comes', async () => {
    const room = await startRoom(roomConf)
    try {
      const client = await room.login('a')
      client.send('SUB foo.* q 1\r\n')
      await client.sync()
      const system = room.server.account('$SYS')
      let answers = 0
      const sink: LocalSink = { remote: false, deliver: () => void answers++ }
      system.subscribe(newSubscription('in', sink))
      // All but those that end or change the process: KICK, LDM, RELOAD and profiles.
      const subjects = [...system.sublist]
        .map(({ subject }) => subject)
        .filter(
          subject => /^\$SYS\.(REQ|DEBUG)/.test(subject) && !/KICK|LDM|RELOAD|PROF/.test(subject),
        )
        .map(subject => subject.replace('*', 'A'))
      assert.ok(subjects.length > 30)
      const origin: Origin = { kind: 'route', sink: null, echo: true, permissions: null }
      const untilMs = performance.now() + Number(process.env.FUZZ_MS ?? 1000)
      let seed = Number(process.env.FUZZ_SEED ?? 4711)
      for (; performance.now() < untilMs; seed++) {
        const random = new Random(seed)
        for (let n = 0; n < 50; n++) {
          const block = Buffer.from(random.pick(headers))
          const subject = random.pick(subjects)
          post(system, origin, { subject, reply: 'in', headers: block, payload: body(random) })
        }
        await new Promise(resolve => setImmediate(resolve))
      }
      assert.ok(answers > 100)
      client.send('PING\r\n')
      await client.expect(/^(PING\r\n)?PONG\r\n/)
    } finally {
      room.close()
    }
  })

  it('pack and unpack any bytes', () =>
    fuzz(random => {
      const parts = Array.from({ length: random.below(6) }, () => {
        const piece = random.bytes(random.below(200))
        return Buffer.concat(Array.from({ length: 1 + random.below(50) }, () => piece))
      })
      const plain = Buffer.concat(parts)
      assert.ok(unsnappy(snappyStream(plain)).equals(plain))
    }))
})
