// A certificate authority of the test's own, made with openssl.

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { scratch } from './directory.ts'
import { program } from './peers.ts'

export interface Certificates {
  readonly ca: string
  /** For 127.0.0.1 and localhost. */
  readonly serverCert: string
  readonly serverKey: string
  readonly clientCert: string
  readonly clientKey: string
}

export function newCertificates(serverNames = 'DNS:localhost,IP:127.0.0.1'): Certificates {
  const dir = scratch('ca')
  const path = (name: string) => join(dir, name)
  const openssl = (...args: string[]) =>
    execFileSync(program('openssl'), args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '2',
    '-subj',
    '/CN=test CA',
  )
  for (const [name, names] of [
    ['server', serverNames],
    ['client', 'DNS:edge'],
  ] as const) {
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
    writeFileSync(path(`${name}.ext`), `subjectAltName=${names}\n`)
    openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key'],
      ...['-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`, '-out', `${name}.pem`],
    )
  }
  return {
    ca: path('ca.pem'),
    serverCert: path('server.pem'),
    serverKey: path('server.key'),
    clientCert: path('client.pem'),
    clientKey: path('client.key'),
  }
}

let issued = 0

/** One more client certificate of that authority; `subject` as openssl has it: `/O=a/CN=b`. */
export function newClient(
  { ca }: Certificates,
  subject: string,
  names = '',
): { readonly cert: string; readonly key: string } {
  const dir = dirname(ca)
  const name = `issued${++issued}`
  const openssl = (...args: string[]) =>
    execFileSync(program('openssl'), args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] })
  openssl(
    ...['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-utf8'],
    ...['-multivalue-rdn', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject],
  )
  writeFileSync(join(dir, `${name}.ext`), names === '' ? '' : `subjectAltName=${names}\n`)
  openssl(
    ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key'],
    ...['-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`, '-out', `${name}.pem`],
  )
  return { cert: join(dir, `${name}.pem`), key: join(dir, `${name}.key`) }
}
