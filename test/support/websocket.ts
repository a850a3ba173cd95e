// Wire conversations in WebSocket frames: each `send` of the Talk is one binary message.

import { once } from 'node:events'
import { request, type IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import { type ClientOptions, createWebSocketStream, WebSocket } from 'ws'
import { Talk } from './talk.ts'

export interface WebSocketTalk {
  readonly talk: Talk
  readonly webSocket: WebSocket
  /** What the close frame said; waits for it. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
}

export interface DialWebSocketOptions extends ClientOptions {
  readonly path?: string
  readonly scheme?: 'ws' | 'wss'
  readonly protocols?: string[]
}

/** Connects; throws when the upgrade is refused. */
export async function dialWebSocket(
  port: number,
  { path = '/', scheme = 'ws', protocols = [], ...options }: DialWebSocketOptions = {},
): Promise<WebSocketTalk> {
  const url = `${scheme}://127.0.0.1:${port}${path}`
  const webSocket = new WebSocket(url, protocols, { perMessageDeflate: false, ...options })
  const stream = createWebSocketStream(webSocket)
  const talk = new Talk(stream as unknown as Socket)
  const closed = once(webSocket, 'close').then(([code, reason]) => ({
    code: code as number,
    reason: String(reason),
  }))
  await once(webSocket, 'open')
  return { talk, webSocket, closed }
}

/** Connects and gets past INFO and CONNECT. */
export async function dialWebSocketClient(port: number, options: DialWebSocketOptions = {}) {
  const dialled = await dialWebSocket(port, options)
  await dialled.talk.info()
  dialled.talk.send('CONNECT {"verbose":false,"pedantic":false,"headers":true}\r\n')
  await dialled.talk.sync()
  return dialled
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** The headers of a correct upgrade, to be changed by a test. */
export const upgradeHeaders = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version': '13',
} as const

/** What a plain HTTP request is answered; 101 when it was upgraded, and then it is over. */
export function ask(
  port: number,
  headers: Readonly<Record<string, string>>,
  { path = '/', method = 'GET' } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, headers, agent: false })
    asked.on('response', response => {
      let body = ''
      response.on('data', chunk => {
        body += chunk
      })
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      )
    })
    asked.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: '' })
    })
    asked.on('error', reject)
    asked.end()
  })
}
