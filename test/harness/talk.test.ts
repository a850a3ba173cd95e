// The conversation helper, against a server of a few lines and against a real nats-server.

import { type AddressInfo, type Server, type Socket, createServer } from 'node:net'
import * as assert from 'uvu/assert'
import { startHub } from '../support/hub.ts'
import { failure } from '../support/failure.ts'
import { spec } from '../support/spec.ts'
import { dial, dialClient } from '../support/talk.ts'

async function serve(
  onSocket: (socket: Socket) => void,
): Promise<{ port: number; server: Server }> {
  const server = createServer(onSocket)
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', () => resolve())
  })
  return { port: (server.address() as AddressInfo).port, server }
}

spec('talk', it => {
  it('takes exactly what was expected, however it was cut', async () => {
    const { port, server } = await serve(async socket => {
      socket.write('ab')
      setImmediate(() => socket.end('cdef'))
    })
    const talk = await dial(port)
    await talk.expect('abc')
    await talk.expect(/^d/)
    await talk.expectEnd('ef')
    server.close()
  })

  it('fails at the first byte that differs, without waiting for more', async () => {
    const { port, server } = await serve(socket => socket.write('PONK'))
    const talk = await dial(port)
    const text = await failure(talk.expect('PONG\r\n'))
    assert.match(text, 'something else came')
    assert.match(text, 'equal for 3 bytes, then: "K"')
    talk.close()
    server.close()
  })

  it('fails when nothing comes, when the end comes, and when it does not', async () => {
    const { port, server } = await serve(socket => socket.on('data', () => socket.end()))
    const talk = await dial(port)
    assert.match(await failure(talk.expect('x', 20)), 'not within 20 ms')
    assert.match(await failure(talk.expectEnd('', 20)), 'not within 20 ms')
    talk.send('go')
    assert.match(await failure(talk.expect('x')), 'the connection was closed')
    await talk.expectEnd()
    server.close()
  })

  it('speaks with a nats-server', async () => {
    const hub = await startHub()
    const talk = await dialClient(hub.port)
    await talk.sendSlowly('SUB foo 1\r\nPUB foo 5\r\nhello\r\n')
    await talk.expect('MSG foo 1 5\r\nhello\r\n')
    await talk.sync()
    talk.send('BOGUS\r\n')
    await talk.expectEnd("-ERR 'Unknown Protocol Operation'\r\n")
    assert.not(talk.pending)
    await hub.stop()
  })
})
