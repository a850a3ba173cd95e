// A TCP listener that hands on connections. Used for clients; other rooms listen the same way.

import type { Server as NetServer, Socket } from 'node:net'
import { createServer } from 'node:net'
import { readFileSync } from 'node:fs'
import type { TLSSocketOptions } from 'node:tls'
import type { Log } from '../base/log.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

const backlog = 1024

export class Listener {
  readonly #accept: (socket: Socket) => void
  readonly #server: NetServer

  constructor(accept: (socket: Socket) => void) {
    this.#accept = accept
    this.#server = createServer({ noDelay: true, pauseOnConnect: true }, socket =>
      this.#accept(socket),
    )
  }

  /** Listens; port -1 takes a free one. Returns where. Rejects when the port is taken. */
  async start(host: string, port: number): Promise<Address> {
    const server = this.#server
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port: port < 0 ? 0 : port, backlog }, () => {
        server.off('error', reject)
        resolve()
      })
    })
    // Accepting failed (no descriptors left): those already connected go on, and so do we.
    server.on('error', () => undefined)
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('not a TCP listener')
    return { host, port: address.port }
  }

  /** Stops accepting. Connections stay. */
  close(): void {
    this.#server.close()
  }
}

export interface TlsFiles {
  readonly cert_file: string | null
  readonly key_file: string | null
  readonly ca_file: string | null
  readonly verify: boolean
  readonly min_version: string
}

/**
 * As `tlsOptions`, with the context made of the files: once for all connections, so that accepting
 * one cannot fail for them. Throws when the files do not fit together.
 */
export function secureOptions(files: TlsFiles): TLSSocketOptions {
  const options = tlsOptions(files)
  const { createSecureContext } = process.getBuiltinModule('node:tls')
  return { ...options, secureContext: createSecureContext(options) }
}

/** As `secureOptions`; files that do not fit are logged and what was there before stays. */
export function renewedOptions(
  files: TlsFiles | null,
  before: TLSSocketOptions | null,
  log: Log,
): TLSSocketOptions | null {
  try {
    return files && secureOptions(files)
  } catch (error) {
    log.error(`TLS certificate not renewed: ${(error as Error).message}`)
    return before
  }
}

/** Reads the certificate files of a `tls` block; throws when one cannot be read. */
export function tlsOptions(files: TlsFiles): TLSSocketOptions {
  if (files.cert_file === null || files.key_file === null) {
    throw new Error('TLS Server certificate must be present and valid')
  }
  return {
    isServer: true,
    cert: readFileSync(files.cert_file),
    key: readFileSync(files.key_file),
    ...(files.ca_file === null ? {} : { ca: readFileSync(files.ca_file) }),
    requestCert: files.verify,
    rejectUnauthorized: files.verify,
    minVersion: files.min_version === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
  }
}
