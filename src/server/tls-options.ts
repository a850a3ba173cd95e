// The rows of a `tls` block: of a listener, of links between servers, of a leaf-node remote. Files
// are read when the room that uses them starts, not here. Rule: reference section 2.10.

import type { CertificateFiles } from '../link/tls-files.ts'
import { cipherSuites, curves } from '../link/tls-names.ts'
import { parseDurationMs } from './duration.ts'
import type { Block, ConfNode, Report, Values } from './option.ts'

const windows = { type: 'unsupported', about: 'A certificate store of Windows.' } as const
const listMax = 100

const common = {
  cert_file: { type: 'string', default: null, about: 'Our certificate chain, PEM.' },
  key_file: { type: 'string', default: null, about: 'The private key of cert_file, PEM.' },
  certs: {
    type: 'custom',
    default: [] as readonly CertificateFiles[],
    aliases: ['certificates'],
    read: readCertificates,
    about: 'Instead of cert_file: a list of `{ cert_file, key_file }`, chosen by host and key.',
  },
  ca_file: {
    type: 'string',
    default: null,
    defaultText: "Node's own authorities",
    about: 'Authorities that the other side must be signed by, PEM.',
  },
  min_version: {
    type: 'string',
    default: '1.2',
    oneOf: ['1.2', '1.3'],
    about: 'The oldest TLS version accepted.',
  },
  cipher_suites: {
    type: 'custom',
    default: [] as readonly string[],
    defaultText: "Node's list",
    read: (node: ConfNode, report: Report) => readNames(node, report, 'cipher_suites'),
    about: 'Suites of TLS 1.2, best first, as `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`.',
  },
  curve_preferences: {
    type: 'custom',
    default: [] as readonly string[],
    defaultText: "Node's list",
    read: (node: ConfNode, report: Report) => readNames(node, report, 'curve_preferences'),
    about: '`X25519`, `CurveP256`, `CurveP384`, `CurveP521`, `X25519MLKEM768`, best first.',
  },
  allow_insecure_cipher_suites: {
    type: 'boolean',
    default: false,
    about: 'Take suites that are known to be weak, if OpenSSL still has them.',
  },
  pinned_certs: {
    type: 'custom',
    default: [] as readonly string[],
    read: readPinned,
    about: 'SHA-256 of the public keys that the other side may have (hex of the DER of its SPKI).',
  },
  timeout: {
    type: 'duration',
    default: 2000,
    min: 1,
    plainSeconds: true,
    about: 'Time for the TLS handshake.',
  },
  ocsp_peer: {
    type: 'custom',
    default: false,
    read: readOcspPeer,
    about: 'Only `false`: nobody is asked whether a certificate was revoked.',
  },
  cert_store: windows,
  cert_match: windows,
  cert_match_by: windows,
  ca_certs_match: windows,
  cert_match_skip_invalid: windows,
} as const satisfies Block

export const tlsServerBlock = {
  ...common,
  verify: {
    type: 'boolean',
    default: false,
    about: 'Demand a client certificate signed by ca_file.',
  },
  verify_and_map: {
    type: 'boolean',
    default: false,
    about: 'As verify, and the user is the one that the certificate names.',
  },
  verify_cert_and_check_known_urls: { type: 'unsupported', about: 'For clusters and gateways.' },
  handshake_first: {
    type: 'custom',
    default: null as number | null,
    defaultText: '`false`',
    aliases: ['first', 'immediate'],
    read: readFirst,
    about: 'TLS before INFO; `auto` or a time: INFO all the same, if TLS does not begin in time.',
  },
  connection_rate_limit: {
    type: 'integer',
    default: 0,
    min: 0,
    about: 'TLS handshakes of NATS clients a second; 0 is no limit.',
  },
  insecure: { type: 'ignored', about: 'Only means something for a remote.' },
} as const satisfies Block

export const tlsRemoteBlock = {
  ...common,
  insecure: {
    type: 'boolean',
    default: false,
    about: "Do not check the hub's certificate (for tests).",
  },
  handshake_first: {
    type: 'boolean',
    default: false,
    aliases: ['first', 'immediate'],
    about: "Start TLS before the hub's INFO; both sides must agree.",
  },
  verify: { type: 'ignored', about: 'A remote always verifies, unless insecure.' },
  verify_and_map: { type: 'ignored', about: 'Only means something for a listener.' },
  verify_cert_and_check_known_urls: { type: 'ignored', about: 'For routes.' },
  connection_rate_limit: { type: 'ignored', about: 'Only means something for a listener.' },
} as const satisfies Block

export type TlsServerOptions = Values<typeof tlsServerBlock>
export type TlsRemoteOptions = Values<typeof tlsRemoteBlock>

/** A listener's row but for its sentence. */
export const tlsServerRow = { type: 'block', block: tlsServerBlock, verify: verifyTls } as const

/** Routes have no users. */
export const tlsRouteRow = {
  type: 'block',
  block: {
    ...tlsServerBlock,
    verify_and_map: { type: 'unsupported', about: 'Routes have no users: use verify.' },
  },
  verify: verifyTls,
} as const

export const tlsRemoteRow = { type: 'block', block: tlsRemoteBlock, verify: verifyTls } as const

/** A resolver is asked over HTTPS, with the files alone. */
export const tlsResolverRow = {
  type: 'block',
  block: {
    ...tlsRemoteBlock,
    certs: {
      type: 'unsupported',
      aliases: ['certificates'],
      about: 'One certificate only: use cert_file and key_file.',
    },
    cipher_suites: { type: 'unsupported', about: "Node's own list of suites counts." },
    curve_preferences: { type: 'unsupported', about: "Node's own list of curves counts." },
    pinned_certs: { type: 'unsupported', about: 'Certificates are checked against ca_file.' },
  },
} as const

/** Why a listener cannot show a certificate; null = it can. */
export function certificateProblem(tls: TlsServerOptions | null): string | null {
  if (tls === null || tls.certs.length > 0) return null
  if (tls.cert_file !== null && tls.key_file !== null) return null
  if (tls.cert_file !== null) return "missing 'key_file' in TLS configuration"
  if (tls.key_file !== null) return "missing 'cert_file' in TLS configuration"
  return 'TLS Server certificate must be present and valid'
}

const autoMs = 50

/** null: INFO first; 0: always TLS first; else so many ms are waited for it. */
function readFirst(node: ConfNode, report: Report): number | null {
  const field = 'field "handshake_first"'
  if (node.is === 'boolean') return node.value ? 0 : null
  if (node.is !== 'string') {
    report.error(node.place, `${field} should be a boolean or a string`)
    return null
  }
  const word = node.value.toLowerCase()
  if (word === 'true' || word === 'on') return 0
  if (word === 'false' || word === 'off') return null
  if (word === 'auto' || word === 'auto_fallback') return autoMs
  const ms = parseDurationMs(node.value)
  if (ms === null) report.error(node.place, `${field}'s value "${node.value}" is invalid`)
  return ms === null ? null : Math.max(0, ms)
}

type Both = Pick<TlsServerOptions, keyof typeof common & keyof TlsServerOptions>

function verifyTls(tls: Both, node: ConfNode, report: Report): void {
  const { certs, cert_file, cipher_suites, allow_insecure_cipher_suites } = tls
  if (certs.length > 0 && cert_file !== null) {
    const text = "cannot combine 'cert_file' option with 'certs' option"
    report.error(node.place, `error parsing tls config, ${text}`)
  }
  const weak = cipher_suites.filter(name => cipherSuites.get(name)?.isInsecure)
  if (weak.length === 0 || allow_insecure_cipher_suites) return
  const text = "insecure cipher suites configured without 'allow_insecure_cipher_suites' option set"
  report.error(node.place, `${text}: ${weak.join(', ')}`)
}

function readNames(
  node: ConfNode,
  report: Report,
  what: 'cipher_suites' | 'curve_preferences',
): readonly string[] {
  const [known, unknown] =
    what === 'cipher_suites'
      ? [cipherSuites, 'unrecognized cipher']
      : [curves, 'unrecognized curve preference']
  const items = node.is === 'list' ? node.items : []
  const wrong = `error parsing tls config, '${what}'`
  if (node.is !== 'list') report.error(node.place, `${wrong} must be a list of names`)
  else if (items.length === 0) report.error(node.place, `${wrong} cannot be empty`)
  else if (items.length > listMax) report.error(node.place, `${wrong} has over ${listMax} names`)
  const names: string[] = []
  for (const item of items.slice(0, listMax)) {
    const name = item.is === 'string' ? item.value : ''
    if (known.has(name)) names.push(name)
    else report.error(item.place, `${unknown} ${name}`)
  }
  return names
}

const pinnedWords = 'hex-encoded sha256 of DER encoded SubjectPublicKeyInfo'
const pinnedMax = 10_000

function readPinned(node: ConfNode, report: Report): readonly string[] {
  if (node.is !== 'list' || node.items.length > pinnedMax) {
    const text = `expected 'pinned_certs' to be a list of ${pinnedWords}`
    report.error(node.place, `error parsing tls config, ${text}`)
    return []
  }
  const pins: string[] = []
  for (const item of node.items) {
    const pin = item.is === 'string' ? item.value.toLowerCase() : ''
    if (/^[a-f0-9]{64}$/.test(pin)) pins.push(pin)
    else {
      const text = `'pinned_certs' key ${pin} does not look like ${pinnedWords}`
      report.error(item.place, `error parsing tls config, ${text}`)
    }
  }
  return pins
}

function readCertificates(node: ConfNode, report: Report): readonly CertificateFiles[] {
  const fail = (at: ConfNode, text: string) => {
    report.error(at.place, `error parsing certificates config: ${text}`)
  }
  if (node.is !== 'list' || node.items.length > listMax) {
    fail(node, `expected a list of at most ${listMax} pairs`)
    return []
  }
  return node.items.flatMap(item => {
    if (item.is !== 'map') {
      fail(item, 'expected a map with cert_file and key_file')
      return []
    }
    const files = { cert_file: '', key_file: '' }
    for (const { key, node: value } of item.entries.values()) {
      if (key !== 'cert_file' && key !== 'key_file') {
        report.error(value.place, `error parsing tls certs config, unknown field "${key}"`)
      } else if (value.is !== 'string') fail(value, `expected ${key} to be a filename`)
      else files[key] = value.value
    }
    if (files.cert_file !== '' && files.key_file !== '') return [files]
    fail(item, "both 'cert_file' and 'cert_key' options are required")
    return []
  })
}

function readOcspPeer(node: ConfNode, report: Report): boolean {
  if (node.is !== 'boolean' || node.value) {
    const text = 'nobody is asked whether a certificate was revoked'
    report.error(node.place, `"ocsp_peer" is not supported by nats-edge: ${text}`)
  }
  return false
}
