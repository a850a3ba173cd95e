// The socket of a link, with a real peer.

import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import * as assert from 'uvu/assert'
import { LinkSocket } from '../../src/link/socket.ts'
import { spec } from '../support/spec.ts'

spec('link socket', it => {
  it('ends a connection whose peer sends on and reads nothing', async () => {
    const server = createServer({ pauseOnConnect: true })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const accepted = new Promise<Socket>(resolve => server.once('connection', resolve))
    const peer = connect((server.address() as AddressInfo).port, '127.0.0.1')
    peer.on('error', () => undefined)
    const sending = setInterval(() => peer.write('x'), 20)
    try {
      const link = new LinkSocket(await accepted)
      let isEnding = false
      let lateBytes = 0
      const ended = new Promise<void>(resolve => {
        const received = (_: Buffer, bytes: number) => {
          if (isEnding) lateBytes += bytes
        }
        link.open({ received, ended: () => resolve() })
      })
      link.write([Buffer.alloc(32 * 1024 * 1024)], () => undefined)
      isEnding = true
      link.end()
      // Asked for by somebody who does not know of the end.
      link.resume()
      await ended
      assert.is(lateBytes, 0)
    } finally {
      clearInterval(sending)
      peer.destroy()
      server.close()
    }
  })
})
