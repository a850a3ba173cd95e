// What -h, -v and --help_tls print.

import { namesHere } from '../link/tls-names.ts'
import { type FlagRow, flagGroups, flagRows } from './flags.ts'
import { protocolVersion } from './version.ts'

const column = 37

export function helpText(): string {
  const lines = ['', 'Usage: nats-edge [options]', '']
  for (const group of flagGroups) {
    lines.push(`${group} Options:`)
    for (const row of flagRows) if (row.group === group) lines.push(...helpLines(row))
    lines.push('')
  }
  return `${lines.join('\n')}\n`
}

/** The first line is nats-server's own, as scripts read it. */
export function versionText(productVersion: string): string {
  return `nats-server: v${protocolVersion}\nnats-edge: v${productVersion}\n`
}

/** The lists are what the OpenSSL that runs us really takes. */
export function tlsHelpText(): string {
  const { good, insecure, curves } = namesHere()
  const list = (names: readonly string[]) => names.map(name => `    ${name}\n`).join('')
  return `${tlsText}
Available cipher suites include (those of TLS 1.3 are always on):
${list(good)}
With allow_insecure_cipher_suites also:
${list(insecure)}
Available curve preferences include:
${list(curves)}`
}

const tlsText = `
TLS configuration is specified in the tls section of a configuration file:

e.g.

    tls {
        cert_file:   "/etc/nats-edge/cert.pem"
        key_file:    "/etc/nats-edge/key.pem"
        ca_file:     "/etc/nats-edge/ca.pem"   # who may sign client certificates
        verify:      true                      # demand one
        timeout:     2                         # seconds for the handshake
        min_version: "1.2"                     # or "1.3"

        cipher_suites: [
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
        ]
        curve_preferences: [
            "X25519",
            "CurveP256"
        ]
    }

The same section in an entry of leafnodes.remotes is the TLS towards the hub.
`

function helpLines({ names, value, about }: FlagRow): string[] {
  const isShort = (name: string) => name.length <= 2 || name === name.toUpperCase()
  const spellings = names.map(name => `${isShort(name) ? '-' : '--'}${name}`)
  const indent = names.some(isShort) ? '    ' : '        '
  const argument = value === '' || value.startsWith('<') ? value : `<${value}>`
  const spelling = `${indent}${spellings.join(', ')} ${argument}`.trimEnd()
  const [first = '', ...rest] = about.split('\n')
  const lines =
    spelling.length < column
      ? [`${spelling.padEnd(column)}${first}`]
      : [spelling, `${' '.repeat(column)}${first}`]
  return [...lines, ...rest.map(line => `${' '.repeat(column)}${line}`)]
}
