// Connections that only stay: what a server's memory is weighed with.

import { connect, type Socket } from 'node:net'

/** Opens so many, each with one subscription of its own; answers PINGs for as long as they live. */
export async function openIdle(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  const atOnce = 20
  for (let at = 0; at < count; at += atOnce) {
    const next = Array.from({ length: Math.min(atOnce, count - at) }, (_, n) => open(port, at + n))
    sockets.push(...(await Promise.all(next)))
  }
  return sockets
}

function open(port: number, id: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let received = ''
    socket.on('error', reject)
    socket.on('data', chunk => {
      received += chunk.toString('latin1')
      if (received.endsWith('PONG\r\n')) resolve(socket)
      // Answers later pings; what came before is done with.
      if (received.endsWith('PING\r\n')) socket.write('PONG\r\n')
      if (received.endsWith('\r\n')) received = ''
    })
    const fields = '{"verbose":false,"lang":"bench","version":"1","name":"idle"}'
    socket.write(`CONNECT ${fields}\r\nSUB device.${id}.command 1\r\nPING\r\n`)
  })
}
