// Invariant 4: a slow disk delays acknowledgements, never core messages; a sick one refuses and
// heals. The disk is made slow or sick by strace, which holds or fails the program's fdatasync.

import * as assert from 'uvu/assert'
import { type Edge, startEdge } from '../support/edge.ts'
import { program } from '../support/peers.ts'
import { spec } from '../support/spec.ts'
import { dialClient, type Talk } from '../support/talk.ts'

/** An edge whose every fdatasync, or another call, is treated so by strace. */
function edgeOn(inject: string, call = 'fdatasync'): Promise<Edge> {
  // -D: the program stays our child, strace watches from the side.
  const trace = ['-D', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`]
  const wrap = [program('strace'), ...trace, '-e', `inject=${call}:${inject}`]
  return startEdge({ jetstream: true, wrap })
}

async function streamOn(edge: Edge): Promise<Talk> {
  const talk = await dialClient(edge.port)
  const config = '{"name":"S","subjects":["s.*"]}'
  talk.send(`SUB in.* 1\r\nSUB core 2\r\n`)
  talk.send(`PUB $JS.API.STREAM.CREATE.S in.create ${config.length}\r\n${config}\r\n`)
  await talk.expect(/^MSG in.create [\s\S]*"did_create":true}\r\n/)
  return talk
}

spec('slow disk', it => {
  it('delays acknowledgements and no core message', async () => {
    const edge = await edgeOn('delay_exit=300000')
    try {
      const talk = await streamOn(edge)
      talk.send('PUB s.1 in.ack 5\r\nhello\r\n')
      for (let i = 0; i < 50; i++) {
        talk.send('PUB core 2\r\nhi\r\nPING\r\n')
        await talk.expect('MSG core 2 2\r\nhi\r\nPONG\r\n')
      }
      await talk.expect('MSG in.ack 1 22\r\n{"stream":"S","seq":1}\r\n')
    } finally {
      await edge.stop()
    }
  })

  it('answers with an error when the disk refuses, and serves everything else', async () => {
    // Starting needs its syncs: each thread's 12th and 13th fail, then the disk is well again.
    const edge = await edgeOn('error=EIO:when=12..13')
    try {
      const talk = await streamOn(edge)
      let refused = 0
      let stored = 0
      while (stored < 5) {
        talk.send('PUB s.1 in.ack 5\r\nhello\r\n')
        const answer = await talk.expect(/^(?:PING\r\n)*MSG in.ack 1 \d+\r\n{[^\n]*}\r\n/)
        if (answer.includes('"error"')) refused++
        else if (refused > 0) stored++
        talk.send('PUB core 2\r\nhi\r\n')
        await talk.expect(/^(?:PING\r\n)*MSG core 2 2\r\nhi\r\n/)
      }
      assert.ok(refused > 0)
    } finally {
      await edge.stop()
    }
  })

  it('delays what was answered, and nothing else: consumers, purges, deletions', async () => {
    const edge = await edgeOn('delay_exit=200000')
    try {
      const talk = await streamOn(edge)
      for (let i = 1; i <= 3; i++) {
        talk.send('PUB s.1 in.ack 5\r\nhello\r\n')
        await talk.expect(`MSG in.ack 1 22\r\n{"stream":"S","seq":${i}}\r\n`)
      }
      const consumer = '{"stream_name":"S","config":{"durable_name":"c","ack_policy":"explicit"}}'
      await answered(talk, '$JS.API.CONSUMER.DURABLE.CREATE.S.c', consumer)
      talk.send('SUB got 3\r\nPUB $JS.API.CONSUMER.MSG.NEXT.S.c got 1\r\n1\r\n')
      const got = await talk.expect(/^MSG s\.1 3 (\S+) 5\r\nhello\r\n/)
      await answered(talk, /(\$JS\.ACK\S+)/.exec(got)?.[1] ?? '', '+ACK')
      await answered(talk, '$JS.API.STREAM.PURGE.S', '{"filter":"s.1","keep":1}')
      await answered(talk, '$JS.API.CONSUMER.DELETE.S.c', '')
      await answered(talk, '$JS.API.STREAM.DELETE.S', '')
    } finally {
      await edge.stop()
    }
  }, 60_000)

  it('takes messages again after a disk that had no room for a while', async () => {
    // Starting writes some hundred times; then there is no room for the main thread's next writes.
    const edge = await edgeOn('error=ENOSPC:when=400..430', 'pwrite64')
    try {
      const talk = await streamOn(edge)
      let refused = 0
      let stored = 0
      let last = 0
      while (stored < 20 || refused === 0) {
        talk.send('PUB s.1 in.ack 5\r\nhello\r\n')
        const answer = await talk.expect(/^(?:PING\r\n)*MSG in.ack 1 \d+\r\n{[^\n]*}\r\n/)
        if (answer.includes('"error"')) {
          assert.match(answer, /"err_code":(10023|10047|10077),/)
          refused++
          stored = 0
          continue
        }
        const seq = Number(/"seq":(\d+)/.exec(answer)?.[1])
        assert.ok(seq > last, `${seq} after ${last}`)
        last = seq
        stored++
      }
      talk.send('PUB $JS.API.STREAM.INFO.S in.x 0\r\n\r\n')
      const info = await talk.expect(/MSG in\.x 1 \d+\r\n[^\n]*\r\n/)
      assert.match(info, new RegExp(`"last_seq":${last},`))
    } finally {
      await edge.stop()
    }
  }, 60_000)
})

/** A request whose answer waits for the disk; a core message behind it does not. */
async function answered(talk: Talk, subject: string, payload: string): Promise<string> {
  talk.send(`PUB ${subject} in.x ${payload.length}\r\n${payload}\r\nPUB core 2\r\nhi\r\n`)
  const first = await talk.expect(/MSG core 2 2\r\nhi\r\n/)
  assert.not(first.includes('in.x'), first)
  return talk.expect(/MSG in\.x 1 \d+\r\n[^\n]*\r\n/)
}
