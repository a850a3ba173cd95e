// Waiting for one event of a socket that is being made. Failures are values, in the words Go has
// for them, as people search logs for those.

import type { Socket } from 'node:net'
import type { Clock } from '../../base/clock.ts'

/** Waits for the event; '' when it came, else what came instead. */
export function happened(
  socket: Socket,
  event: string,
  msMax: number,
  clock: Clock,
): Promise<string> {
  return new Promise(resolve => {
    const finish = (error: string) => {
      timer.cancel()
      socket.off(event, onEvent).off('error', onError).off('close', onClose)
      resolve(error)
    }
    const onEvent = () => finish('')
    const onError = (error: Error) => finish(inGoWords(error))
    const onClose = () => finish('EOF')
    const timer = clock.after(msMax, () => finish('i/o timeout'))
    socket.on(event, onEvent).on('error', onError).on('close', onClose)
  })
}

const goWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  ECONNRESET: 'read: connection reset by peer',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'connect: connection timed out',
  EPIPE: 'write: broken pipe',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'server misbehaving',
}

function inGoWords(error: Error): string {
  const { code } = error as NodeJS.ErrnoException
  return (code === undefined ? undefined : goWords[code]) ?? error.message
}
