// Accounts from a web server: found, missing, slow, too long, over TLS; the broker goes on meanwhile.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecure } from 'node:https'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import { createNKey } from '../../src/account/nkey.ts'
import { realClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { tokenBytesMax } from '../../src/operator/token.ts'
import { type ResolverTls, UrlResolver } from '../../src/operator/url-resolver.ts'
import { newCertificates } from '../support/certificates.ts'
import { startHub } from '../support/hub.ts'
import { newAccount, operatorJwt } from '../support/jwt.ts'
import { accepted, bring, refused } from '../support/operators.ts'
import { startServer } from '../support/server.ts'
import { spec } from '../support/spec.ts'

const operator = createNKey('operator')
const account = newAccount(operator, 'A')

type Answer = (request: IncomingMessage, response: ServerResponse) => void

async function listen(server: Server): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** A web server with this account's token; counts what it was asked. */
async function using(
  test: (url: string, asked: string[]) => Promise<void>,
  answer: Answer | null = null,
): Promise<void> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    if (answer !== null) return answer(request, response)
    const isOurs = request.url?.endsWith(`/${account.publicKey}`)
    response.statusCode = isOurs || request.url === '/jwt/' ? 200 : 404
    response.end(isOurs ? `${account.jwt()}\n` : '')
  })
  const port = await listen(server)
  try {
    await test(`http://127.0.0.1:${port}/jwt`, asked)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const newResolver = (url: string, tls: ResolverTls | null = null) =>
  new UrlResolver({ url, tls, clock: realClock, log: silentLog, fetchMs: 300 })

async function missing(url: string, tls: ResolverTls | null = null): Promise<string> {
  const found = await newResolver(url, tls).fetch(account.publicKey)
  return 'missing' in found ? found.missing : `found ${found.jwt.length} bytes`
}

const confOf = (url: string) => `operator: "${operatorJwt(operator)}"\nresolver: URL("${url}")`

spec('url resolver', it => {
  it('asks once, and lets the user wait', () =>
    using(async (url, asked) => {
      const server = await startServer(confOf(url))
      try {
        const { port } = server.address
        const users = [account.user(), account.user(), account.user()]
        const talks = await Promise.all(users.map(user => bring(port, user)))
        for (const talk of talks) await talk.expect('PONG\r\n')
        await accepted(port, account.user())
        await refused(port, newAccount(operator).user())
        const count = asked.filter(path => path.endsWith(account.publicKey)).length
        assert.is(count, 1)
        for (const talk of talks) talk.close()
      } finally {
        server.close()
      }
    }))

  it('is found where the operator says it is', () =>
    using(async url => {
      const jwt = operatorJwt(operator, { account_server_url: url.replace(/jwt$/, 'jwt/v1') })
      const server = await startServer(`operator: "${jwt}"`)
      try {
        await accepted(server.address.port, account.user())
      } finally {
        server.close()
      }
    }))

  it('starts where nobody is there, and refuses those who come', async () => {
    const server = await startServer(confOf('http://127.0.0.1:1/'))
    try {
      await refused(server.address.port, account.user())
    } finally {
      server.close()
    }
  })

  it('says why there is nothing', async () => {
    await using(
      async url => assert.match(await missing(`${url}x`), /^could not fetch <".*">: 404/),
      (_, response) => {
        response.statusCode = 404
        response.end()
      },
    )
    assert.match(await missing('http://127.0.0.1:1/'), /ECONNREFUSED/)
    const secret = await missing('http://me:secret@127.0.0.1:1/')
    assert.match(secret, /me:xxxxx@/)
    assert.not.match(secret, /secret/)
  })

  it('waits only so long', () =>
    using(
      async url => assert.match(await missing(url), /timeout exceeded$/),
      () => {},
    ))

  it('waits only so long for the end of an answer', () =>
    using(
      async url => assert.match(await missing(url), /timeout exceeded$/),
      (_, response) => void response.write('eyJ'),
    ))

  it('takes no more than a token can be', () =>
    using(
      async url => assert.match(await missing(url), /too long for a JWT$/),
      (_, response) => void response.end(Buffer.alloc(tokenBytesMax + 1, 'x')),
    ))

  it('has few requests under way', () =>
    using(
      async url => {
        const resolver = newResolver(url)
        const all = await Promise.all(
          Array.from({ length: 20 }, () => resolver.fetch(account.publicKey)),
        )
        const turned = all.filter(one => 'missing' in one && /too many/.test(one.missing))
        assert.is(turned.length, 4)
      },
      () => {},
    ))

  it('trusts whom resolver_tls says', async () => {
    const { ca, serverCert, serverKey } = newCertificates()
    const server = createSecure(
      { cert: readFileSync(serverCert), key: readFileSync(serverKey) },
      (_, response) => void response.end(account.jwt()),
    )
    const url = `https://127.0.0.1:${await listen(server)}/`
    const tls = {
      cert_file: null,
      key_file: null,
      ca_file: ca,
      min_version: '1.2',
      insecure: false,
    }
    try {
      assert.match(await missing(url), /certificate/)
      assert.match(await missing(url, tls), /^found/)
      assert.match(await missing(url, { ...tls, ca_file: null, insecure: true }), /^found/)
    } finally {
      server.close()
    }
  })

  it('gives nats-server 2.10 the same', () =>
    using(async url => {
      const hub = await startHub({ version: '2.10', conf: confOf(url) })
      try {
        await accepted(hub.port, account.user())
        await refused(hub.port, newAccount(operator).user())
      } finally {
        await hub.stop()
      }
    }))
})
