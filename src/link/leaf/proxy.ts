// The way to a hub through an HTTP proxy: CONNECT, and what the proxy answers. Only leaf nodes
// over WebSocket go this way, as in nats-server.

import type { Socket } from 'node:net'
import type { Clock } from '../../base/clock.ts'
import { happened } from './happened.ts'

export interface ProxyOptions {
  readonly address: { readonly host: string; readonly port: number }
  /** https:// in its url: TLS to the proxy itself. */
  readonly isSecure: boolean
  readonly username: string
  readonly password: string
  readonly timeout: number
}

const answerBytesMax = 16 * 1024

/** The connection once the proxy lets it through; else what it said. */
export async function tunnel(
  tcp: Socket,
  proxy: ProxyOptions,
  where: string,
  clock: Clock,
): Promise<Socket | string> {
  const deadlineMs = clock.monotonicMs() + proxy.timeout
  let socket = tcp
  if (proxy.isSecure) {
    const { connect } = await import('node:tls')
    socket = connect({ socket: tcp, host: proxy.address.host, servername: proxy.address.host })
    socket.on('error', () => undefined)
    const refused = await happened(socket, 'secureConnect', proxy.timeout, clock)
    if (refused !== '') return `failed to connect to proxy: ${refused}`
  }
  socket.write(requestOf(proxy, where))
  let answer: Buffer = Buffer.alloc(0)
  for (;;) {
    const chunk: Buffer | null = socket.read()
    if (chunk !== null) answer = Buffer.concat([answer, chunk])
    const end = answer.indexOf('\r\n\r\n')
    if (end >= 0) {
      const rest = answer.subarray(end + 4)
      if (rest.length > 0) socket.unshift(rest)
      const [, status = '', text = ''] =
        /^HTTP\/1\.[01] (\d{3}) ?([^\r\n]*)/.exec(answer.toString('latin1')) ?? []
      return status === '200' ? socket : `proxy CONNECT failed: ${status} ${text}`.trim()
    }
    if (answer.length > answerBytesMax) return 'failed to read proxy response: too long'
    const leftMs = Math.max(0, deadlineMs - clock.monotonicMs())
    const missed = await happened(socket, 'readable', leftMs, clock)
    if (missed !== '' && socket.readableLength === 0) {
      return `failed to read proxy response: ${missed}`
    }
  }
}

function requestOf({ username, password }: ProxyOptions, where: string): string {
  const secret = Buffer.from(`${username}:${password}`).toString('base64')
  const proof = username === '' ? '' : `Proxy-Authorization: Basic ${secret}\r\n`
  return `CONNECT ${where} HTTP/1.1\r\nHost: ${where}\r\n${proof}\r\n`
}
