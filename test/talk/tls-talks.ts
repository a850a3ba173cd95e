// What is said on connections with TLS, held with our broker and with nats-server 2.10 and 2.15:
// one expectation for all.

import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import * as assert from 'uvu/assert'
import { newCertificates, newClient } from '../support/certificates.ts'
import { dial, Talk } from '../support/talk.ts'

export interface TlsTalk {
  readonly name: string
  readonly config: string
  run(port: number): Promise<void>
}

const files = newCertificates()
const pair = `cert_file: "${files.serverCert}", key_file: "${files.serverKey}"`
const mapped = `tls { ${pair}, ca_file: "${files.ca}", verify_and_map: true }`
const violation = "-ERR 'Authorization Violation'\r\n"

type Info = Record<string, unknown>
type Client = ReturnType<typeof newClient>

/** Reads INFO in clear, then starts TLS. */
export async function upgraded(
  port: number,
  client: Client | null = null,
): Promise<{ readonly talk: Talk; readonly info: Info }> {
  const socket = connect(port, '127.0.0.1')
  const line = await firstLine(socket)
  const talk = await secured({ socket }, client)
  return { talk, info: JSON.parse(line.slice('INFO '.length)) }
}

async function secured(way: ConnectionOptions, client: Client | null = null): Promise<Talk> {
  const own = client && { cert: readFileSync(client.cert), key: readFileSync(client.key) }
  const ca = readFileSync(files.ca)
  const secure = connectTls({ ...way, ca, servername: 'localhost', ...own })
  await new Promise<void>((resolve, reject) => {
    secure.once('secureConnect', resolve)
    secure.once('error', reject)
  })
  return new Talk(secure)
}

function firstLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('data', data => {
      socket.removeListener('error', reject)
      resolve(data.toString())
    })
  })
}

async function say(talk: Talk, fields: object = {}): Promise<void> {
  const base = { verbose: false, pedantic: false, headers: true, protocol: 1 }
  talk.send(`CONNECT ${JSON.stringify({ ...base, ...fields })}\r\nPING\r\n`)
}

/** The account that it is in after CONNECT is told by who hears it. */
async function comesIn(port: number, client: Client, mayPublish: string): Promise<void> {
  const { talk } = await upgraded(port, client)
  await say(talk, { protocol: 0 })
  await talk.expect('PONG\r\n')
  talk.send(`SUB ${mayPublish} 1\r\nPUB ${mayPublish} 2\r\nhi\r\nPUB other 0\r\n\r\nPING\r\n`)
  await talk.expect(`MSG ${mayPublish} 1 2\r\nhi\r\n`)
  await talk.expect(`-ERR 'Permissions Violation for Publish to "other"'\r\nPONG\r\n`)
  talk.close()
}

async function staysOut(port: number, client: Client, fields: object = {}): Promise<void> {
  const { talk } = await upgraded(port, client)
  await say(talk, fields)
  await talk.expectEnd(violation)
}

const user = (name: string, subject: string, more = '') =>
  `{ user: "${name}", permissions: { publish: "${subject}" } ${more} }`

const mail = newClient(files, '/CN=x', 'DNS:host.example,email:a@b.example')
const host = newClient(files, '/CN=a@b.example', 'DNS:host.example,URI:spiffe://h/own')
const uri = newClient(files, '/CN=x', 'DNS:unknown,URI:spiffe://h/own')
const person = newClient(files, '/DC=com/DC=example/O=Edge, Inc/OU=dev/CN=Jürgen')
const many = newClient(files, '/C=DE/O=Org/OU=b/OU=a/CN=n')
const plus = newClient(files, '/O=Org/CN=n+OU=7')
const text = newClient(files, '/C=DE/O=Org/OU=x/OU=y/CN=t/emailAddress=e@x')
const nobody = newClient(files, '/CN=nobody')

const alternativesConfig = `${mapped}
authorization { users: [
  ${user('a@b.example', 'mail')}, ${user('host.example', 'host')}
  ${user('spiffe://h/own', 'uri')}
] }`

const subjectsConfig = `${mapped}
authorization { users: [
  ${user('CN=Jürgen,OU=dev,O=Edge\\\\, Inc,DC=example,DC=com', 'person')}
  ${user('c=DE, O=Org, CN=n, OU=a, OU=b', 'many')}
  ${user('OU=7+CN=n,O=Org', 'plus')}
  ${user('CN=t,OU=x+OU=y,O=Org,C=DE', 'text')}
] }`

const othersConfig = `${mapped}
accounts {
  A { users: [ { user: "CN=t,OU=x+OU=y,O=Org,C=DE", password: secret } ] }
  B { users: [ { user: host.example, allowed_connection_types: [WEBSOCKET] }, { user: p, password: p } ] }
}
`

const verifyAndMap: readonly TlsTalk[] = [
  {
    name: 'verify_and_map: the user is an e-mail address, a host or a URI of the certificate',
    config: alternativesConfig,
    async run(port) {
      await comesIn(port, mail, 'mail')
      await comesIn(port, host, 'host')
      await comesIn(port, uri, 'uri')
      await staysOut(port, nobody)
    },
  },
  {
    name: 'verify_and_map: the user is the subject, in whatever order, or as Go writes it',
    config: subjectsConfig,
    async run(port) {
      await comesIn(port, person, 'person')
      await comesIn(port, many, 'many')
      await comesIn(port, plus, 'plus')
      await comesIn(port, text, 'text')
      await staysOut(port, nobody)
    },
  },
  {
    name: 'verify_and_map: a password counts as well, and a name in CONNECT does not',
    config: othersConfig,
    async run(port) {
      await staysOut(port, text)
      await staysOut(port, text, { user: 'p', pass: 'p' })
      await staysOut(port, nobody, { user: 'p', pass: 'p' })
      await staysOut(port, host)
      const { talk, info } = await upgraded(port, text)
      assert.is(info.tls_verify, true)
      assert.is(info.auth_required, true)
      await say(talk, { user: 'other', pass: 'secret', protocol: 0 })
      await talk.expect('PONG\r\n')
      talk.close()
    },
  },
  {
    name: 'verify_and_map: before CONNECT nobody is in, and without a certificate nobody gets so far',
    config: alternativesConfig,
    async run(port) {
      const { talk } = await upgraded(port, mail)
      talk.send('SUB a 1\r\n')
      await talk.expectEnd(violation)
      const bare = await upgraded(port).catch(() => null)
      if (bare === null) return
      bare.talk.send('PING\r\n')
      await bare.talk.expectEnd()
    },
  },
  {
    name: 'verify_and_map: a user that stands alone is none of a list',
    config: `${mapped}\nauthorization { user: "a@b.example", password: pw }`,
    async run(port) {
      await staysOut(port, mail)
      const { talk } = await upgraded(port, mail)
      await say(talk, { user: 'a@b.example', pass: 'pw', protocol: 0 })
      await talk.expect('PONG\r\n')
      talk.close()
    },
  },
]

const first = (value: string) => `tls { ${pair}, handshake_first: ${value} }`

/** TLS from the first byte on; INFO comes inside of it. */
async function secureFirst(port: number): Promise<void> {
  const talk = await secured({ port, host: '127.0.0.1' })
  const info = await talk.info()
  assert.is(info.tls_required, true)
  await say(talk, { protocol: 0 })
  await talk.expect('PONG\r\n')
  talk.close()
}

async function secureAfterInfo(port: number): Promise<Info> {
  const { talk, info } = await upgraded(port)
  await say(talk, { protocol: 0 })
  await talk.expect('PONG\r\n')
  talk.send('SUB a 1\r\nPUB a 2\r\nhi\r\n')
  await talk.expect('MSG a 1 2\r\nhi\r\n')
  talk.close()
  return info
}

async function clear(port: number, slowly = false): Promise<Info> {
  const talk = await dial(port)
  const info = await talk.info()
  const lines = 'CONNECT {"verbose":false}\r\nSUB a 1\r\nPUB a 2\r\nhi\r\nPING\r\n'
  if (slowly) await talk.sendSlowly(lines)
  else talk.send(lines)
  await talk.expect('MSG a 1 2\r\nhi\r\nPONG\r\n')
  talk.send(`PUB a 100000\r\n${'x'.repeat(100_000)}\r\n`)
  await talk.expect(`MSG a 1 100000\r\n${'x'.repeat(100_000)}\r\n`)
  talk.close()
  return info
}

const handshakes: readonly TlsTalk[] = [
  {
    name: 'handshake_first: TLS comes before INFO, and nothing else does',
    config: first('true'),
    async run(port) {
      await secureFirst(port)
      const talk = await dial(port)
      talk.send('PING\r\n\r\n\r\n')
      await talk.expectEnd()
      await secureFirst(port)
    },
  },
  {
    name: 'handshake_first: auto serves those who wait for INFO, too',
    config: first('auto'),
    async run(port) {
      await secureFirst(port)
      const info = await secureAfterInfo(port)
      assert.is(info.tls_required, true)
      assert.is(info.tls_available, undefined)
    },
  },
  {
    name: 'handshake_first: a time to wait before INFO',
    config: first('"300ms"'),
    async run(port) {
      await secureFirst(port)
      const before = performance.now()
      await secureAfterInfo(port)
      assert.ok(performance.now() - before >= 290)
    },
  },
  {
    name: 'allow_non_tls: INFO says that TLS may be had, and both are served',
    config: `tls { ${pair} }\nallow_non_tls: true`,
    async run(port) {
      for (const info of [
        await clear(port),
        await clear(port, true),
        await secureAfterInfo(port),
      ]) {
        assert.is(info.tls_required, undefined)
        assert.is(info.tls_available, true)
      }
    },
  },
  {
    name: 'allow_non_tls: a client that says nothing is served, once it had time for TLS',
    config: `tls { ${pair}, timeout: 0.2 }\nallow_non_tls: true`,
    async run(port) {
      const talk = await dial(port)
      await talk.info()
      await new Promise(resolve => setTimeout(resolve, 400))
      await talk.sync()
      talk.close()
    },
  },
  {
    name: 'allow_non_tls with handshake_first: auto serves three kinds of clients',
    config: `${first('auto')}\nallow_non_tls: true`,
    async run(port) {
      await secureFirst(port)
      await secureAfterInfo(port)
      await clear(port)
    },
  },
  {
    name: 'allow_non_tls says nothing where TLS has to be first',
    config: `${first('true')}\nallow_non_tls: true`,
    async run(port) {
      await secureFirst(port)
      const talk = await dial(port)
      talk.send('PING\r\n\r\n\r\n')
      await talk.expectEnd()
    },
  },
  {
    name: 'connection_rate_limit: the handshake after the last of a second is turned away',
    config: `tls { ${pair}, connection_rate_limit: 2 }`,
    async run(port) {
      await secureAfterInfo(port)
      await secureAfterInfo(port)
      const talk = await dial(port)
      await talk.info()
      const text = 'Connection throttling is active. Please try again later.'
      await talk.expectEnd(`-ERR '${text}'\r\n`)
      await new Promise(resolve => setTimeout(resolve, 1100))
      await secureAfterInfo(port)
    },
  },
]

export const tlsTalks: readonly TlsTalk[] = [...verifyAndMap, ...handshakes]
