// Exports, imports and mappings, held with our broker and with nats-server 2.10.

import * as assert from 'uvu/assert'
import { dial, type Talk } from '../support/talk.ts'
import type { HeldTalk } from './held.ts'

async function join(port: number, user: string, more = ''): Promise<Talk> {
  const talk = await dial(port)
  await talk.info()
  const fields = { verbose: false, pedantic: false, headers: true, no_responders: true }
  talk.send(`CONNECT ${JSON.stringify({ ...fields, user, pass: 'pw' })}\r\n${more}PING\r\n`)
  await talk.expect('PONG\r\n')
  return talk
}

/** An account with one user of the same name in small letters. */
function account(name: string, inside: string): string {
  return `${name} { users: [{ user: ${name.toLowerCase()}, password: pw }], ${inside} }`
}

function accounts(...all: string[]): string {
  return `accounts {\n${all.join('\n')}\n}`
}

const info = '\\{"acc":"A"(,"rtt":\\d+)?\\}'

/** A request as the service sees it: its reply subject. */
async function request(talk: Talk, subject: string, payload: string): Promise<string> {
  const headers = `NATS/1.0\r\nNats-Request-Info: ${info}\r\n\r\n`
  const found = await talk.expect(
    new RegExp(
      `^HMSG ${subject.replace(/\./g, '\\.')} 1 (_R_\\.\\w{6}\\.\\w{6}) \\d+ \\d+\\r\\n${headers}${payload}\\r\\n`,
    ),
  )
  const reply = /_R_\.\w{6}\.\w{6}/.exec(found)?.[0]
  assert.ok(reply)
  return reply
}

interface Stream {
  readonly name: string
  readonly exported: string
  readonly imported: string
  /** What the importer subscribes to, and sees of what is published. */
  readonly rows: readonly (readonly [sub: string, published: string, seen: string])[]
}

/** Streams, row by row; '' = it does not come. */
const streams: readonly Stream[] = [
  {
    name: 'a public stream',
    exported: '{ stream: "foo.>" }',
    imported: '{ stream: { account: B, subject: "foo.>" } }',
    rows: [
      ['foo.*', 'foo.a', 'foo.a'],
      ['foo.a', 'foo.b', ''],
      ['foo.>', 'foo.a.b', 'foo.a.b'],
      ['>', 'foo.c', 'foo.c'],
      ['>', 'bar', ''],
      ['*.x', 'foo.x', 'foo.x'],
      ['*.x', 'foo.y', ''],
      ['foo.a q', 'foo.a', 'foo.a'],
    ],
  },
  {
    name: 'less than what is exported',
    exported: '{ stream: "foo.>" }',
    imported: '{ stream: { account: B, subject: "foo.a.*" } }',
    rows: [
      ['foo.>', 'foo.a.1', 'foo.a.1'],
      ['foo.>', 'foo.b.1', ''],
      ['*.*.1', 'foo.a.1', 'foo.a.1'],
      ['*.*.1', 'foo.a.2', ''],
    ],
  },
  {
    name: 'a stream with a prefix',
    exported: '{ stream: "foo.*" }',
    imported: '{ stream: { account: B, subject: "foo.*" }, prefix: in }',
    rows: [
      ['in.foo.*', 'foo.a', 'in.foo.a'],
      ['in.>', 'foo.a', 'in.foo.a'],
      ['in.foo.a', 'foo.a', 'in.foo.a'],
      ['in.foo.a', 'foo.b', ''],
      ['foo.*', 'foo.a', ''],
    ],
  },
  {
    name: 'a stream under another subject',
    exported: '{ stream: "foo.*.*" }',
    imported: '{ stream: { account: B, subject: "foo.*.*" }, to: "my.$2.$1" }',
    rows: [
      ['my.*.*', 'foo.a.b', 'my.b.a'],
      ['my.b.*', 'foo.a.b', 'my.b.a'],
      ['my.b.*', 'foo.b.a', ''],
      ['my.>', 'foo.x.y', 'my.y.x'],
      ['*.b.a', 'foo.a.b', 'my.b.a'],
    ],
  },
  {
    name: 'one subject as another',
    exported: '{ stream: "foo" }',
    imported: '{ stream: { account: B, subject: "foo" }, to: "bar.x" }',
    rows: [
      ['bar.*', 'foo', 'bar.x'],
      ['bar.x q', 'foo', 'bar.x'],
      ['bar.y', 'foo', ''],
    ],
  },
  {
    name: 'a private stream for those that are named',
    exported: '{ stream: "foo.*", accounts: [A] }',
    imported: '{ stream: { account: B, subject: "foo.*" } }',
    rows: [['foo.a', 'foo.a', 'foo.a']],
  },
  {
    name: 'the token of an account',
    exported: '{ stream: "foo.*.>", account_token_position: 2 }',
    imported: '{ stream: { account: B, subject: "foo.A.>" }, to: "mine.>" }',
    rows: [
      ['mine.x', 'foo.A.x', 'mine.x'],
      ['mine.x', 'foo.B.x', ''],
    ],
  },
]

const streamTalks: readonly HeldTalk[] = streams.map(({ name, exported, imported, rows }) => ({
  name: `stream import: ${name}`,
  config: accounts(account('A', `imports: [${imported}]`), account('B', `exports: [${exported}]`)),
  async run(port: number) {
    const b = await join(port, 'b')
    for (const [sub, published, seen] of rows) {
      const a = await join(port, 'a', `SUB ${sub} 1\r\n`)
      b.send(`PUB ${published} 2\r\nhi\r\n`)
      await b.sync()
      if (seen !== '') await a.expect(`MSG ${seen} 1 2\r\nhi\r\n`)
      await a.sync()
      a.close()
    }
    b.close()
  },
}))

const help = accounts(
  account('A', 'imports: [{ service: { account: B, subject: help }, to: my.help }]'),
  account('B', 'exports: [{ service: help }]'),
)

export const sharingTalks: readonly HeldTalk[] = [
  ...streamTalks,
  {
    name: 'an import does not reach through another one',
    config: accounts(
      account('A', 'imports: [{ stream: { account: B, subject: foo } }]'),
      account(
        'B',
        'exports: [{ stream: foo }], imports: [{ stream: { account: C, subject: foo } }]',
      ),
      account('C', 'exports: [{ stream: foo }]'),
    ),
    async run(port) {
      const a = await join(port, 'a', 'SUB foo 1\r\n')
      const b = await join(port, 'b', 'SUB foo 1\r\n')
      const c = await join(port, 'c', 'PUB foo 1\r\nx\r\n')
      await b.expect('MSG foo 1 1\r\nx\r\n')
      await c.sync()
      await a.sync()
      for (const talk of [a, b, c]) talk.close()
    },
  },
  {
    name: 'service import: a request, its answer, and no second answer',
    config: help,
    async run(port) {
      const b = await join(port, 'b', 'SUB help 1\r\n')
      const a = await join(port, 'a', 'SUB in.* 1\r\n')
      a.send('PUB my.help in.1 2\r\nme\r\n')
      const reply = await request(b, 'help', 'me')
      b.send(`PUB ${reply} 2\r\nok\r\nPUB ${reply} 2\r\nno\r\n`)
      await b.sync()
      await a.expect('MSG in.1 1 2\r\nok\r\n')
      await a.sync()
      a.close()
      b.close()
    },
  },
  {
    name: 'service import: nobody there is no responders',
    config: help,
    async run(port) {
      const a = await join(port, 'a', 'SUB in.* 1\r\n')
      a.send('PUB my.help in.1 0\r\n\r\n')
      await a.expect(
        /^HMSG in\.1 1 \d+ \d+\r\nNATS\/1\.0 503\r\n(Nats-Subject: my\.help\r\n)?\r\n\r\n/,
      )
      a.close()
    },
  },
  {
    name: 'service import: headers stay',
    config: help,
    async run(port) {
      const b = await join(port, 'b', 'SUB help 1\r\n')
      const a = await join(port, 'a', 'HPUB my.help 18 19\r\nNATS/1.0\r\nA: b\r\n\r\nx\r\n')
      await b.expect(
        new RegExp(
          `^HMSG help 1 \\d+ \\d+\\r\\nNATS/1\\.0\\r\\nA: b\\r\\nNats-Request-Info: ${info}\\r\\n\\r\\nx\\r\\n`,
        ),
      )
      a.close()
      b.close()
    },
  },
  {
    name: 'service import: one of a queue group answers',
    config: help,
    async run(port) {
      const b = await join(port, 'b', 'SUB help q 1\r\nSUB help q 1\r\n')
      const other = await join(port, 'b', 'SUB help q 1\r\n')
      const a = await join(port, 'a', 'SUB in 1\r\nPUB my.help in 0\r\n\r\n')
      const reply = await Promise.any([request(b, 'help', ''), request(other, 'help', '')])
      b.send(`PUB ${reply} 2\r\nok\r\n`)
      await a.expect('MSG in 1 2\r\nok\r\n')
      for (const talk of [a, b, other]) talk.close()
    },
  },
  {
    name: 'service import: tokens change places',
    config: accounts(
      account('A', 'imports: [{ service: { account: B, subject: "req.*.*" }, to: "my.$2.$1" }]'),
      account('B', 'exports: [{ service: "req.*.*" }]'),
    ),
    async run(port) {
      const b = await join(port, 'b', 'SUB req.> 1\r\n')
      const a = await join(port, 'a', 'SUB in 1\r\nPUB my.x.y in 0\r\n\r\n')
      const reply = await request(b, 'req.y.x', '')
      b.send(`PUB ${reply} 2\r\nok\r\n`)
      await a.expect('MSG in 1 2\r\nok\r\n')
      a.close()
      b.close()
    },
  },
  {
    name: 'service import: the subject that is published, and the token of an account',
    config: accounts(
      account('A', 'imports: [{ service: { account: B, subject: "req.A.>" } }]'),
      account('B', 'exports: [{ service: "req.*.>", account_token_position: 2 }]'),
    ),
    async run(port) {
      const b = await join(port, 'b', 'SUB req.> 1\r\n')
      const a = await join(port, 'a', 'PUB req.B.x in 0\r\n\r\nPUB req.A.x in 0\r\n\r\n')
      await request(b, 'req.A.x', '')
      a.close()
      b.close()
    },
  },
  {
    name: 'service import: a stream of answers ends with an empty one',
    config: accounts(
      account('A', 'imports: [{ service: { account: B, subject: help } }]'),
      account('B', 'exports: [{ service: help, response_type: stream }]'),
    ),
    async run(port) {
      const b = await join(port, 'b', 'SUB help 1\r\n')
      const a = await join(port, 'a', 'SUB in 1\r\nPUB help in 0\r\n\r\n')
      const reply = await request(b, 'help', '')
      b.send(
        `PUB ${reply} 1\r\n1\r\nPUB ${reply} 1\r\n2\r\nPUB ${reply} 0\r\n\r\nPUB ${reply} 1\r\n3\r\n`,
      )
      await b.sync()
      await a.expect('MSG in 1 1\r\n1\r\nMSG in 1 1\r\n2\r\nMSG in 1 0\r\n\r\n')
      await a.sync()
      a.close()
      b.close()
    },
  },
  {
    name: 'service import: what an answer brings as a reply comes back',
    config: help,
    async run(port) {
      const b = await join(port, 'b', 'SUB help 1\r\nSUB back 2\r\n')
      const a = await join(port, 'a', 'SUB in 1\r\nPUB my.help in 0\r\n\r\n')
      const reply = await request(b, 'help', '')
      b.send(`PUB ${reply} back 2\r\nok\r\n`)
      const found = await a.expect(/^MSG in 1 (_R_\.\w+\.\w+) 2\r\nok\r\n/)
      const back = /_R_\.\w+\.\w+/.exec(found)?.[0]
      a.send(`PUB ${back} 4\r\nthx!\r\n`)
      await b.expect(/^MSG back 2 4\r\nthx!\r\n/)
      a.close()
      b.close()
    },
  },
  {
    name: 'service import: through two accounts, with who stood between',
    config: accounts(
      account('A', 'imports: [{ service: { account: B, subject: two }, to: one }]'),
      account(
        'B',
        'exports: [{ service: two }], imports: [{ service: { account: C, subject: three }, to: two }]',
      ),
      account('C', 'exports: [{ service: three }]'),
    ),
    async run(port) {
      const c = await join(port, 'c', 'SUB three 1\r\n')
      const a = await join(port, 'a', 'SUB in 1\r\nPUB one in 1\r\nx\r\n')
      const found = await c.expect(/^HMSG three 1 _R_\.\w+\.\w+ [\s\S]*?\r\n\r\nx\r\n/)
      assert.match(found, /Nats-Request-Info: \{"acc":"A","svc":"B"(,"rtt":\d+)?\}/)
      c.send(`PUB ${/_R_\.\w+\.\w+/.exec(found)?.[0]} 2\r\nok\r\n`)
      await a.expect('MSG in 1 2\r\nok\r\n')
      a.close()
      c.close()
    },
  },
  {
    name: 'service import: share tells the service who asks',
    config: accounts(
      account('A', 'imports: [{ service: { account: B, subject: help }, share: true }]'),
      account('B', 'exports: [{ service: help }]'),
    ),
    async run(port) {
      const b = await join(port, 'b', 'SUB help 1\r\n')
      const a = await join(port, 'a', 'PUB help 0\r\n\r\n')
      const found = await b.expect(/^HMSG help 1 [\s\S]*?\r\n\r\n\r\n/)
      const { start, host, id, rtt, server, ...rest } = JSON.parse(
        /Nats-Request-Info: (.*)\r\n/.exec(found)?.[1] ?? '',
      )
      assert.match(start, /^\d{4}-\d\d-\d\dT/)
      assert.is(host, '127.0.0.1')
      assert.type(id, 'number')
      assert.type(server, 'string')
      assert.ok(rtt === undefined || rtt > 0)
      assert.equal(rest, { acc: 'A', user: 'a', kind: 'Client', client_type: 'nats' })
      a.close()
      b.close()
    },
  },
  {
    name: 'mappings: one subject, tokens, weights of 100 and of nothing',
    config: accounts(
      account(
        'A',
        `mappings: {
          src: dst
          "w.*.*": "m.$2.$1"
          all: [{ destination: whole, weight: "100%" }]
          lost: [{ dest: lost, weight: 0 }]
          kept: [{ dest: other, weight: 0 }]
        }`,
      ),
    ),
    async run(port) {
      const a = await join(port, 'a', 'SUB > 1\r\n')
      const rows = [
        ['src', 'dst'],
        ['dst', 'dst'],
        ['w.1.2', 'm.2.1'],
        ['all', 'whole'],
        ['kept', 'kept'],
        ['src', 'dst'],
      ]
      for (const [published, seen] of rows) {
        a.send(`PUB ${published} 1\r\nx\r\n`)
        await a.expect(`MSG ${seen} 1 1\r\nx\r\n`)
      }
      a.send('PUB lost 1\r\nx\r\n')
      await a.sync()
      a.close()
    },
  },
  {
    name: 'mappings: the subject that it becomes is the one that must be allowed',
    config: `accounts { A {
      users: [
        { user: a, password: pw, permissions: { publish: src } }
        { user: b, password: pw, permissions: { publish: dst } }
      ]
      mappings: { src: dst }
    } }`,
    async run(port) {
      const b = await join(port, 'b', 'SUB dst 1\r\n')
      const a = await join(port, 'a')
      a.send('PUB src 1\r\nx\r\n')
      await a.expect(`-ERR 'Permissions Violation for Publish to "dst"'\r\n`)
      b.send('PUB src 1\r\nx\r\n')
      await b.expect('MSG dst 1 1\r\nx\r\n')
      a.close()
      b.close()
    },
  },
  {
    name: 'mappings: that nobody is there is said of the subject that it becomes',
    config: accounts(account('A', 'mappings: { src: other.dst }')),
    async run(port) {
      const a = await join(port, 'a', 'SUB in 1\r\n')
      a.send('PUB src in 0\r\n\r\n')
      // 2.10 names no subject.
      await a.expect(
        /^HMSG in 1 (16 16\r\nNATS\/1.0 503|41 41\r\nNATS\/1.0 503\r\nNats-Subject: other.dst)\r\n\r\n\r\n/,
      )
      a.close()
    },
  },
  {
    name: 'mappings: of the global account, at the top of the file',
    config: 'mappings { src: dst }',
    async run(port) {
      const talk = await dial(port)
      await talk.info()
      talk.send('CONNECT {"verbose":false}\r\nSUB dst 1\r\nPUB src 1\r\nx\r\n')
      await talk.expect('MSG dst 1 1\r\nx\r\n')
      talk.close()
    },
  },
  {
    name: 'mappings: those of the exporter are for requests too',
    config: accounts(
      account('A', 'imports: [{ service: { account: B, subject: help } }]'),
      account('B', 'exports: [{ service: help }], mappings: { help: v2 }'),
    ),
    async run(port) {
      const b = await join(port, 'b', 'SUB v2 1\r\n')
      const a = await join(port, 'a', 'PUB help in 0\r\n\r\n')
      await request(b, 'v2', '')
      a.close()
      b.close()
    },
  },
]

/** nats-server counts what an import brings apart, and delivers more than was asked for. */
export const ownTalks: readonly HeldTalk[] = [
  {
    name: 'UNSUB max counts what an import brings',
    config: accounts(
      account('A', 'imports: [{ stream: { account: B, subject: foo } }]'),
      account('B', 'exports: [{ stream: foo }]'),
    ),
    async run(port) {
      const a = await join(port, 'a', 'SUB foo 1\r\nUNSUB 1 2\r\n')
      const b = await join(port, 'b', 'PUB foo 1\r\n1\r\nPUB foo 1\r\n2\r\nPUB foo 1\r\n3\r\n')
      await a.expect('MSG foo 1 1\r\n1\r\nMSG foo 1 1\r\n2\r\n')
      await b.sync()
      await a.sync()
      a.close()
      b.close()
    },
  },
]
