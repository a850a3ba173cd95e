// Leaf nodes over WebSocket: ours to a real hub and real ones to us, compressed, without masks,
// and through an HTTP proxy.

import { createServer, type Server, type Socket, connect } from 'node:net'
import * as assert from 'uvu/assert'
import { freePort } from '../support/ports.ts'
import { asked, type Kind, linked, withNodes } from '../support/spokes.ts'
import { spec } from '../support/spec.ts'

const pairs: readonly (readonly [hub: Kind, spoke: Kind])[] = [
  ['2.15', 'ours'],
  ['2.10', 'ours'],
  ['2.9', 'ours'],
  ['ours', 'ours'],
  ['ours', '2.15'],
  ['ours', '2.10'],
  ['ours', '2.9'],
]

const options: readonly string[] = ['', 'ws_compression: true', 'ws_no_masking: true']

/** A proxy that knows CONNECT and asks for a name and password; what was asked stands in `seen`. */
class HttpProxy {
  readonly seen: string[] = []
  #server: Server | null = null
  readonly #sockets = new Set<Socket>()

  async start(): Promise<number> {
    const server = createServer(socket => {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.once('data', chunk => {
        const request = chunk.toString('latin1')
        this.seen.push(request)
        const [, host = '', port = ''] = /^CONNECT ([^:]+):(\d+) /.exec(request) ?? []
        const proof = `Basic ${Buffer.from('me:secret').toString('base64')}`
        if (!request.includes(`Proxy-Authorization: ${proof}\r\n`)) {
          socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
          return
        }
        const to = connect(Number(port), host)
        this.#sockets.add(to)
        to.on('error', () => socket.destroy())
        to.on('connect', () => {
          socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
          socket.pipe(to).pipe(socket)
        })
      })
    })
    this.#server = server
    const port = await freePort()
    await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
    return port
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server?.close()
  }
}

spec('leaf websocket', it => {
  for (const [hubKind, spokeKind] of pairs) {
    for (const option of options) {
      it(`joins spoke ${spokeKind} to hub ${hubKind} ${option}`, () =>
        withNodes(async (start, client) => {
          const port = await freePort()
          const hub = await start({
            kind: hubKind,
            name: 'hub',
            leaf: true,
            conf: `websocket { listen: "127.0.0.1:${port}", no_tls: true, compression: true }`,
          })
          const remote = `{ url: "ws://127.0.0.1:${port}"${option && `, ${option}`} }`
          const spoke = await start({ kind: spokeKind, name: 'spoke', remotes: [remote] })
          await linked(hub)
          const [atHub, atSpoke] = [await client(hub), await client(spoke)]
          atSpoke.subscribe('at.spoke', { callback: (_, m) => void m.respond(m.data) })
          atHub.subscribe('at.hub', { callback: (_, m) => void m.respond(m.data) })
          const large = 'x'.repeat(300_000)
          assert.is(await asked(atHub, 'at.spoke', large), large)
          assert.is(await asked(atSpoke, 'at.hub', large), large)
        }))
    }
  }

  it('goes through an HTTP proxy, and says when it may not', () =>
    withNodes(async (start, client) => {
      const proxy = new HttpProxy()
      try {
        const port = await freePort()
        const proxyPort = await proxy.start()
        const hub = await start({
          kind: '2.15',
          name: 'hub',
          leaf: true,
          conf: `websocket { listen: "127.0.0.1:${port}", no_tls: true }`,
        })
        const remote = (password: string) =>
          `{ url: "ws://127.0.0.1:${port}", proxy { url: "http://127.0.0.1:${proxyPort}", username: me, password: ${password} } }`
        const spoke = await start({ kind: 'ours', name: 'spoke', remotes: [remote('secret')] })
        await linked(hub)
        assert.match(proxy.seen[0] ?? '', `CONNECT 127.0.0.1:${port} HTTP/1.1\r\n`)
        const [atHub, atSpoke] = [await client(hub), await client(spoke)]
        atSpoke.subscribe('at.spoke', { callback: (_, m) => void m.respond(m.data) })
        assert.is(await asked(atHub, 'at.spoke', 'hi'), 'hi')
        const other = await start({ kind: 'ours', name: 'other', remotes: [remote('wrong')] })
        await other.process.waitFor('proxy CONNECT failed: 407 Proxy Authentication Required')
      } finally {
        proxy.close()
      }
    }))

  it('finds no leaf nodes where none may come', () =>
    withNodes(async start => {
      const port = await freePort()
      await start({
        kind: 'ours',
        name: 'hub',
        conf: `websocket { listen: "127.0.0.1:${port}", no_tls: true }`,
      })
      const remotes = [`{ url: "ws://127.0.0.1:${port}" }`]
      const spoke = await start({ kind: 'ours', name: 'spoke', remotes })
      await spoke.process.waitFor('invalid websocket connection: 404')
    }))
})
