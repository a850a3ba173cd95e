// What monitoring shows of the TLS that a connection came by.

import { createHash, type X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { subjectText } from '../account/certificate-names.ts'

export interface Secured {
  /** `1.3`, as nats-server writes it. */
  readonly version: string
  /** The suite's name at IANA. */
  readonly cipher: string
  /** TLS came before INFO. */
  readonly isFirst: boolean
}

/** null: no TLS, or its handshake is not done. To be asked while the socket lives. */
export function securedOf(socket: Socket, isFirst = false): Secured | null {
  const { getProtocol, getCipher } = socket as TLSSocket
  if (!getProtocol || !getCipher) return null
  const protocol = getProtocol.call(socket)
  if (!protocol) return null
  const cipher = getCipher.call(socket)?.standardName ?? ''
  return { version: protocol.replace('TLSv', ''), cipher, isFirst }
}

const chainMax = 8

/** A certificate and those above it that the peer sent along. */
export function chainOf(certificate: X509Certificate): readonly X509Certificate[] {
  const chain = [certificate]
  for (let one = certificate.issuerCertificate; one && chain.length < chainMax; ) {
    if (one.fingerprint256 === chain.at(-1)?.fingerprint256) break
    chain.push(one)
    one = one.issuerCertificate
  }
  return chain
}

/** A certificate as /connz shows it. */
export function certificateFields(certificate: X509Certificate): object {
  const { publicKey, raw } = certificate
  const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
  return {
    subject: subjectText(certificate),
    spki_sha256: hash(publicKey.export({ type: 'spki', format: 'der' })),
    cert_sha256: hash(raw),
  }
}
