// A TCP connection that becomes a TLS one after INFO (reference 3.1). node:tls is loaded with the
// first of them.

import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../base/clock.ts'
import { isPinned, type SecureOptions } from './tls-files.ts'

/** Calls back once: with the secure socket, or with what went wrong. */
export function upgrade(
  socket: Socket,
  options: SecureOptions,
  timeoutMs: number,
  clock: Clock,
  done: (secure: Socket | null, error: string) => void,
): void {
  let isDone = false
  const finish = (secure: Socket | null, error: string) => {
    if (isDone) return
    isDone = true
    timer.cancel()
    if (secure === null) socket.destroy()
    done(secure, error)
  }
  const timer = clock.after(timeoutMs, () => finish(null, 'TLS handshake timeout'))
  socket.on('error', error => finish(null, error.message))
  socket.on('close', () => finish(null, 'connection closed'))
  import('node:tls')
    .then(({ TLSSocket }) => {
      const secure = new TLSSocket(socket, options)
      secure.on('error', error => finish(null, error.message))
      secure.on('secure', () => {
        const problem = options.requestCert ? problemOf(secure) : null
        secure.authorized = options.requestCert === true && problem === null
        if (problem !== null && options.rejectUnauthorized) finish(null, problem)
        else if (!isPinned(peerCertificate(secure), options.pinned ?? null)) {
          finish(null, 'certificate not pinned')
        } else finish(secure, '')
      })
    })
    .catch((error: Error) => finish(null, error.message))
}

const seen = new WeakMap<TLSSocket, X509Certificate>()

/** Asked once a socket: what came with the certificate is taken from OpenSSL by the asking. */
export function peerCertificate(socket: TLSSocket): X509Certificate | null {
  const known = seen.get(socket)
  if (known !== undefined) return known
  const certificate = socket.getPeerX509Certificate() ?? null
  if (certificate !== null) seen.set(socket, certificate)
  return certificate
}

/**
 * What is wrong with the certificate that the client showed; null = nothing. OpenSSL is told to go
 * on whatever it finds, and node:tls looks at the finding only for servers of its own.
 */
function problemOf(secure: TLSSocket): string | null {
  const { _handle: handle } = secure as { _handle?: { verifyError?(): Error | null | undefined } }
  if (!handle?.verifyError) return 'the certificate cannot be verified'
  return handle.verifyError()?.message ?? null
}
