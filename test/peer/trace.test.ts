// The trace of a client's lines, with secrets redacted and payloads cut, is nats-server's.

import { connect } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { scratch } from '../support/directory.ts'
import { edgeMain } from '../support/edge.ts'
import { type NatsVersion, natsServer } from '../support/peers.ts'
import { start } from '../support/process.ts'
import { spec } from '../support/spec.ts'

const said = [
  'CONNECT {"user":"a","pass":"s3cret","verbose":false,"headers":true}',
  'SUB x 1',
  'SUB y q 2',
  'PUB nobody 2\r\nhi',
  'PUB nobody reply 0\r\n',
  'PUB nobody 6\r\na"\\\x07\x00\t',
  'PUB nobody 3\r\né\x7f',
  'PUB nobody 14\r\n01234567890123',
  'HPUB nobody 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi',
  'UNSUB 1',
  'PING',
].join('\r\n')

async function traceOf(program: string, args: readonly string[], more: string) {
  const path = join(scratch('trace'), 'a.conf')
  const user = 'authorization { user: a, password: s3cret }'
  writeFileSync(path, `port: -1\nhost: 127.0.0.1\ntrace: true\n${user}\n${more}\n`)
  const running = await start(program, [...args, '-c', path, '-T=false'], 'Server is ready')
  const port = /client connections on 127\.0\.0\.1:(\d+)/.exec(running.output())?.[1]
  const socket = connect(Number(port), '127.0.0.1')
  socket.write(`${said}\r\n`)
  await new Promise<void>(done => {
    socket.on('data', data => String(data).includes('PONG') && done())
  })
  socket.destroy()
  await running.stop()
  const lines = running.output().split('\n')
  const traced = lines.flatMap(line => /\[TRC\] .* - (<<- .*|->> .*)/.exec(line)?.[1] ?? [])
  // From 2.12 an empty payload has no line.
  return traced.filter(line => line !== '<<- MSG_PAYLOAD: [""]')
}

spec('trace', it => {
  const rows: readonly (readonly [string, NatsVersion, string])[] = [
    ['whole payloads', '2.10', ''],
    // Up to 2.10 it cuts the quoted text, in the middle of an escape.
    ['cut payloads', '2.15', 'max_traced_msg_len: 5'],
    ['headers alone', '2.15', 'trace_headers: true'],
  ]
  for (const [name, version, more] of rows) {
    it(`shows ${name} as nats-server does`, async () => {
      const theirs = await traceOf(natsServer(version), [], more)
      const ours = await traceOf(process.execPath, [edgeMain], more)
      assert.equal(ours, theirs)
      assert.not.match(ours.join('\n'), 's3cret')
    })
  }
})
