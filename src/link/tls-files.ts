// From a `tls` block to what node:tls takes: certificates read, made into contexts once, so that
// accepting a connection cannot fail for them (reference 2.10).
//
// Of several certificates the first of each kind of key is the one shown, and a client that says
// which host it wants gets the first that is for that host.

import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { SecureContext, SecureContextOptions, TLSSocketOptions } from 'node:tls'
import type { Log } from '../base/log.ts'
import { cipherList, curveList } from './tls-names.ts'

export interface CertificateFiles {
  readonly cert_file: string
  readonly key_file: string
}

/** What both sides of TLS read of their block. */
export interface TlsCommon {
  readonly cert_file: string | null
  readonly key_file: string | null
  readonly ca_file: string | null
  readonly min_version: string
  /** Instead of cert_file and key_file. */
  readonly certs?: readonly CertificateFiles[]
  /** Go's names; empty: what node:tls has. */
  readonly cipher_suites?: readonly string[]
  readonly curve_preferences?: readonly string[]
  /** SHA-256 of the public keys that the other side may have, hex; empty: any. */
  readonly pinned_certs?: readonly string[]
}

export interface TlsFiles extends TlsCommon {
  readonly verify: boolean
  readonly verify_and_map?: boolean
}

/** Must the other side show a certificate? */
export function demandsCertificate(files: Pick<TlsFiles, 'verify' | 'verify_and_map'>): boolean {
  return files.verify || files.verify_and_map === true
}

/** What an accepting socket takes; `pinned` is asked when the handshake is done. */
export interface SecureOptions extends TLSSocketOptions {
  readonly pinned?: ReadonlySet<string> | null
}

interface Pair {
  readonly cert: Buffer
  readonly key: Buffer
  readonly leaf: X509Certificate
}

/** Throws, in nats-server's words where it has them, when the files do not fit together. */
export function secureOptions(files: TlsFiles): SecureOptions {
  const { createSecureContext } = process.getBuiltinModule('node:tls')
  const pairs = pairsOf(files)
  if (pairs.length === 0) throw new Error('TLS Server certificate must be present and valid')
  const common = commonOptions(files)
  const shown = firstOfEachKind(pairs)
  const certificates = { cert: shown.map(one => one.cert), key: shown.map(one => one.key) }
  const context = createSecureContext({ ...common, ...certificates })
  const contexts =
    pairs.length === 1
      ? null
      : pairs.map(({ cert, key }) => createSecureContext({ ...common, cert, key }))
  const ours = {
    isServer: true,
    ...common,
    ...certificates,
    secureContext: context,
    requestCert: demandsCertificate(files),
    rejectUnauthorized: demandsCertificate(files),
    pinned: pinnedOf(files),
  }
  if (contexts === null) return ours
  const SNICallback = (host: string, done: (error: Error | null, ctx?: SecureContext) => void) => {
    const at = pairs.findIndex(({ leaf }) => leaf.checkHost(host) !== undefined)
    done(null, contexts[at] ?? context)
  }
  return { ...ours, SNICallback }
}

/** As `secureOptions`; files that do not fit are logged and what was there before stays. */
export function renewedOptions(
  files: TlsFiles | null,
  before: SecureOptions | null,
  log: Log,
): SecureOptions | null {
  try {
    return files && secureOptions(files)
  } catch (error) {
    log.error(`TLS certificate not renewed: ${(error as Error).message}`)
    return before
  }
}

/** What the dialling side takes of its block, the host and its checking apart. */
export function dialOptions(files: TlsCommon): SecureContextOptions {
  const [pair] = pairsOf(files)
  return { ...commonOptions(files), ...(pair ? { cert: pair.cert, key: pair.key } : {}) }
}

export function pinnedOf({ pinned_certs = [] }: TlsCommon): ReadonlySet<string> | null {
  return pinned_certs.length === 0 ? null : new Set(pinned_certs.map(one => one.toLowerCase()))
}

/** Nobody without a certificate is pinned. */
export function isPinned(
  certificate: X509Certificate | null | undefined,
  pinned: ReadonlySet<string> | null,
): boolean {
  if (pinned === null) return true
  if (!certificate) return false
  const key = certificate.publicKey.export({ type: 'spki', format: 'der' })
  return pinned.has(createHash('sha256').update(key).digest('hex'))
}

function commonOptions(files: TlsCommon): SecureContextOptions {
  const { ca_file, min_version, cipher_suites = [], curve_preferences = [] } = files
  return {
    minVersion: min_version === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
    ...(ca_file === null ? {} : { ca: authorities(ca_file) }),
    ...(cipher_suites.length === 0 ? {} : { ciphers: cipherList(cipher_suites) }),
    ...(curve_preferences.length === 0 ? {} : { ecdhCurve: curveList(curve_preferences) }),
  }
}

/** OpenSSL would take a file without any certificate, and then trust nobody. */
function authorities(path: string): Buffer {
  const text = readPem(path)
  if (!text.includes(pemStart)) throw new Error('failed to parse root ca certificate')
  return text
}

function pairsOf({ cert_file, key_file, certs = [] }: TlsCommon): Pair[] {
  if (cert_file === null && key_file === null) {
    return certs.map(({ cert_file: cert, key_file: key }, i) => {
      return pairOf(cert, key, ` ${i + 1}/${certs.length}`)
    })
  }
  if (key_file === null) throw new Error("missing 'key_file' in TLS configuration")
  if (cert_file === null) throw new Error("missing 'cert_file' in TLS configuration")
  return [pairOf(cert_file, key_file, '')]
}

function pairOf(certFile: string, keyFile: string, which: string): Pair {
  try {
    const cert = readPem(certFile)
    const key = readPem(keyFile)
    if (!cert.includes(pemStart)) throw new Error(noPem('certificate'))
    if (!key.includes(pemStart)) throw new Error(noPem('key'))
    // Throws when they do not fit together.
    process.getBuiltinModule('node:tls').createSecureContext({ cert, key })
    return { cert, key, leaf: new X509Certificate(cert) }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const isOther = code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH'
    const why = isOther ? 'tls: private key does not match public key' : message
    throw new Error(`error parsing X509 certificate/key pair${which}: ${why}`)
  }
}

const pemStart = '-----BEGIN '

function noPem(what: string): string {
  return `tls: failed to find any PEM data in ${what} input`
}

const fileFaults: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EISDIR: 'is a directory',
}

/** Its faults in the words of Go. */
function readPem(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    const { code = '', syscall, message } = error as NodeJS.ErrnoException
    const fault = fileFaults[code]
    throw fault === undefined
      ? error
      : new Error(`${syscall} ${path}: ${fault}`, { cause: message })
  }
}

/** A context holds one certificate of a kind. */
function firstOfEachKind(pairs: readonly Pair[]): Pair[] {
  const kinds = new Map<string | undefined, Pair>()
  for (const pair of pairs) {
    const kind = pair.leaf.publicKey.asymmetricKeyType
    if (!kinds.has(kind)) kinds.set(kind, pair)
  }
  return [...kinds.values()]
}
