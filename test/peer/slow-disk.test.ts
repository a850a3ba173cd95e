// Invariant 4: a slow disk delays acknowledgements, never core messages; a sick one refuses and
// heals. The disk is made slow or sick by strace, which holds or fails the program's fdatasync.

import * as assert from 'uvu/assert'
import { type Edge, startEdge } from '../support/edge.ts'
import { program } from '../support/peers.ts'
import { spec } from '../support/spec.ts'
import { dialClient, type Talk } from '../support/talk.ts'

/** An edge whose every fdatasync is treated so by strace. */
function edgeOn(inject: string): Promise<Edge> {
  // -D: the program stays our child, strace watches from the side.
  const trace = ['-D', '-f', '-qq', '-o', '/dev/null', '-e', 'trace=fdatasync']
  const wrap = [program('strace'), ...trace, '-e', `inject=fdatasync:${inject}`]
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
      await talk.expect('MSG in.ack 1 23\r\n{"stream":"S", "seq":1}\r\n')
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
})
