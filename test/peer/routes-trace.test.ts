// The trace of a route's lines is nats-server's, as far as one connection goes.

import * as assert from 'uvu/assert'
import { startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import { freePort, isListening } from '../support/ports.ts'
import { spec } from '../support/spec.ts'
import { dialClient } from '../support/talk.ts'
import { joined, past, settled } from '../talk/route-peers.ts'

async function traceOf(isOurs: boolean): Promise<readonly string[]> {
  const route = await freePort()
  const conf = `trace: true
cluster { name: C, listen: "127.0.0.1:${route}", authorization { user: r, password: s3cret } }`
  const node = await (isOurs ? startEdge({ conf }) : startHub({ version: '2.10', conf }))
  try {
    while (!(await isListening(route))) await new Promise(resolve => setTimeout(resolve, 10))
    const talk = await joined(route, { server_id: 'NTRACED' }, { user: 'r', pass: 's3cret' })
    const client = await dialClient(node.port)
    client.send('SUB up.* 1\r\nSUB q g 2\r\n')
    await past(talk, 'RS+ $G q g 1\r\n')
    talk.send('RS+ $G down\r\nRS+ $G work g 2\r\nLS+ red $G leafy\r\n')
    talk.send('RMSG $G up.a 2\r\nhi\r\nRMSG $G up.b re.ply 0\r\n\r\n')
    talk.send('HMSG $G up.h 12 14\r\nNATS/1.0\r\n\r\nhi\r\nRMSG $G q | g 1\r\nx\r\n')
    talk.send('LMSG red $G up.l 0 1\r\ny\r\n')
    await settled(talk)
    client.send('PUB down re.ply 2\r\nhi\r\nPUB work 1\r\nx\r\n')
    client.send('HPUB down 12 13\r\nNATS/1.0\r\n\r\nz\r\n')
    await past(talk, /RMSG[\s\S]*z\r\n/)
    talk.send('RS- $G down\r\nRS- $G work g\r\nLS- red $G leafy\r\n')
    await settled(talk)
    client.send('UNSUB 2\r\n')
    await past(talk, 'RS- $G q g\r\n')
    client.send('UNSUB 1\r\n')
    await past(talk, 'RS- $G up.*\r\n')
    talk.close()
    client.close()
  } finally {
    await node.stop()
  }
  const lines = node.process.output().split('\n')
  const traced = lines.flatMap(line => /\[TRC\] .*rid:\d+ - (<<- .*|->> .*)/.exec(line)?.[1] ?? [])
  assert.not.match(traced.join('\n'), 's3cret')
  return traced.filter(line => /\$G|MSG_PAYLOAD/.test(line))
}

spec('the trace of routes', it => {
  it('is that of nats-server', async () => {
    assert.equal(await traceOf(true), await traceOf(false))
  })
})
