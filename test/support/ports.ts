// Ports for the programs that tests start: asked from the kernel, so that runs beside each other
// do not meet.

import { type AddressInfo, connect, createServer } from 'node:net'

const given = new Set<number>()

/** A TCP port of 127.0.0.1 that nobody listens on, never the same twice in this process. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await askKernel()
    if (given.has(port)) continue
    given.add(port)
    return port
  }
}

/** Several at once. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) ports.push(await freePort())
  return ports
}

/** True when something accepts connections there. */
export function isListening(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, host)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

function askKernel(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
