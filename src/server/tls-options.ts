// The rows of a `tls` block: of the client listener and of a leaf-node remote. Files are read
// when the room that uses them starts, not here.

import type { Block, Values } from './option.ts'

const known = {
  cipher_suites: { type: 'unsupported', about: "Node's own list of suites counts." },
  curve_preferences: { type: 'unsupported', about: "Node's own list of curves counts." },
  pinned_certs: { type: 'unsupported', about: 'Certificates are checked against ca_file.' },
  certs: {
    type: 'unsupported',
    aliases: ['certificates'],
    about: 'One certificate only: use cert_file and key_file.',
  },
  verify_and_map: { type: 'unsupported', about: 'Users are not taken from certificates.' },
  verify_cert_and_check_known_urls: { type: 'unsupported', about: 'For clusters and gateways.' },
  allow_insecure_cipher_suites: { type: 'unsupported', about: 'Insecure suites stay off.' },
  connection_rate_limit: { type: 'unsupported', about: 'TLS handshakes are not rate limited.' },
  ocsp_peer: { type: 'unsupported', about: 'OCSP is not checked.' },
  cert_store: { type: 'unsupported', about: 'For Windows.' },
  cert_match: { type: 'unsupported', about: 'For Windows.' },
  cert_match_by: { type: 'unsupported', about: 'For Windows.' },
  ca_certs_match: { type: 'unsupported', about: 'For Windows.' },
  cert_match_skip_invalid: { type: 'unsupported', about: 'For Windows.' },
} as const satisfies Block

const common = {
  cert_file: { type: 'string', default: null, about: 'Our certificate chain, PEM.' },
  key_file: { type: 'string', default: null, about: 'The private key of cert_file, PEM.' },
  ca_file: {
    type: 'string',
    default: null,
    defaultText: "the system's authorities",
    about: 'Authorities that the other side must be signed by, PEM.',
  },
  min_version: {
    type: 'string',
    default: '1.2',
    oneOf: ['1.2', '1.3'],
    about: 'The oldest TLS version accepted.',
  },
  timeout: {
    type: 'duration',
    default: 2000,
    min: 1,
    plainSeconds: true,
    about: 'Time for the TLS handshake.',
  },
} as const satisfies Block

export const tlsServerBlock = {
  ...common,
  verify: {
    type: 'boolean',
    default: false,
    about: 'Demand a client certificate signed by ca_file.',
  },
  handshake_first: {
    type: 'unsupported',
    aliases: ['first', 'immediate'],
    about: 'Clients get INFO before the TLS handshake.',
  },
  insecure: { type: 'ignored', about: 'Only means something for a remote.' },
  ...known,
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
  ...known,
} as const satisfies Block

export type TlsServerOptions = Values<typeof tlsServerBlock>
export type TlsRemoteOptions = Values<typeof tlsRemoteBlock>
