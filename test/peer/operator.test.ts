// The program in operator mode, as `nsc` and devices use it: official clients, MQTT, streams of
// accounts that come and go, monitoring, a hub that is joined, a restart, a reload.

import { writeFileSync, readFileSync } from 'node:fs'
import { jetstreamManager } from '@nats-io/jetstream'
import {
  connect,
  credsAuthenticator,
  jwtAuthenticator,
  type NatsConnection,
} from '@nats-io/transport-node'
import { connectAsync } from 'mqtt'
import { connect as connectOld, credsAuthenticator as oldCreds } from 'nats'
import * as assert from 'uvu/assert'
import { createNKey } from '../../src/account/nkey.ts'
import { scratch } from '../support/directory.ts'
import { type Edge, withEdge } from '../support/edge.ts'
import { newAccount, operatorJwt, type TestUser } from '../support/jwt.ts'
import { spec } from '../support/spec.ts'

const programsMsMax = 60_000
const operator = createNKey('operator')
const system = newAccount(operator, 'SYS')
const stored = { limits: { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 } }

const encoded = (text: string) => new TextEncoder().encode(text)

function login(url: string, user: TestUser): Promise<NatsConnection> {
  const authenticator = credsAuthenticator(encoded(user.creds))
  return connect({ servers: url, reconnect: false, authenticator })
}

async function push(edge: Edge, jwt: string): Promise<void> {
  const client = await login(edge.url, system.user())
  const answer = (await client.request('$SYS.REQ.CLAIMS.UPDATE', jwt)).json() as {
    data: { message: string }
  }
  assert.is(answer.data.message, 'jwt updated')
  await client.close()
}

const page = async (edge: Edge, path: string) =>
  (await (await fetch(`http://127.0.0.1:${edge.monitorPort}${path}`)).json()) as Record<
    string,
    // biome-ignore lint/suspicious/noExplicitAny: pages are read field by field
    any
  >

const confOf = (dir: string) =>
  [
    `operator: "${operatorJwt(operator, { system_account: system.publicKey })}"`,
    `resolver: { type: full, dir: "${dir}", allow_delete: true }`,
    `resolver_preload { ${system.publicKey}: "${system.jwt()}" }`,
  ].join('\n')

spec('operator mode of the program', it => {
  it(
    'lets official clients in with creds and with a JWT',
    () =>
      withEdge(confOf(scratch('jwts')), async edge => {
        const account = newAccount(operator, 'A')
        await push(edge, account.jwt())
        const user = account.user()
        const client = await login(edge.url, user)
        const subscription = client.subscribe('hello')
        const seed = encoded(user.key.seed)
        const other = await connect({
          servers: edge.url,
          reconnect: false,
          authenticator: jwtAuthenticator(user.jwt, seed),
        })
        await client.flush()
        other.publish('hello', 'x')
        for await (const message of subscription) {
          assert.is(message.string(), 'x')
          break
        }
        const old = await connectOld({
          servers: edge.url,
          reconnect: false,
          authenticator: oldCreds(encoded(user.creds)),
        })
        await Promise.all([client.close(), other.close(), old.close()])
        await login(edge.url, newAccount(operator).user()).then(
          () => assert.unreachable('a stranger came in'),
          error => assert.match((error as Error).message, /uthorization/),
        )
      }),
    programsMsMax,
  )

  it(
    'gives streams to accounts whose JWT grants them, also after a restart',
    () =>
      withEdge(confOf(scratch('jwts')), async edge => {
        const account = newAccount(operator, 'A')
        await push(edge, account.jwt())
        let client = await login(edge.url, account.user())
        await jetstreamManager(client).then(
          () => assert.unreachable('streams without a grant'),
          error => assert.match(String((error as Error).message), /not enabled/),
        )
        await push(edge, account.jwt(stored))
        let manager = await jetstreamManager(client)
        await manager.streams.add({ name: 'S', subjects: ['s.>'] })
        await manager.consumers.add('S', { durable_name: 'D' })
        client.publish('s.1', 'one')
        await client.flush()
        await client.close()
        await edge.restart()
        // Nobody of the account is here yet, and its stream takes messages.
        const { account_details } = await page(edge, '/jsz?accounts=true')
        assert.is(account_details.length, 1)
        client = await login(edge.url, account.user())
        manager = await jetstreamManager(client)
        assert.is((await manager.streams.info('S')).state.messages, 1)
        await push(edge, account.jwt())
        await manager.streams.info('S').then(
          () => assert.unreachable('streams without a grant'),
          () => {},
        )
        await push(edge, account.jwt(stored))
        assert.is((await manager.streams.info('S')).state.messages, 1)
        assert.is((await manager.consumers.info('S', 'D')).num_pending, 1)
        await client.close()
      }),
    programsMsMax,
  )

  it(
    'takes the JWT of MQTT clients as their password, and cuts them off',
    () =>
      withEdge(confOf(scratch('jwts')), async edge => {
        const account = newAccount(operator, 'A')
        await push(edge, account.jwt())
        const mqtt = (password: string) =>
          connectAsync(`mqtt://127.0.0.1:${edge.mqttPort}`, {
            username: 'x',
            password,
            reconnectPeriod: 0,
          })
        const bearer = account.user({ bearer_token: true, allowed_connection_types: ['MQTT'] })
        const device = await mqtt(bearer.jwt)
        const client = await login(edge.url, account.user())
        const subscription = client.subscribe('a.b')
        await client.flush()
        await device.publishAsync('a/b', 'x')
        for await (const message of subscription) {
          assert.is(message.string(), 'x')
          break
        }
        await client.close()
        for (const bad of [
          account.user().jwt,
          'pw',
          account.user({ bearer_token: true }).jwt.slice(1),
        ]) {
          await mqtt(bad).then(
            () => assert.unreachable('it came in'),
            error => assert.match((error as Error).message, /Not authorized/),
          )
        }
        const gone = new Promise<void>(resolve => device.once('close', () => resolve()))
        const revocations = { [bearer.publicKey]: Math.floor(Date.now() / 1000) }
        await push(edge, account.jwt({ revocations }))
        await gone
        await device.endAsync(true)
        const short = account.user(
          { bearer_token: true },
          { exp: Math.floor(Date.now() / 1000) + 2 },
        )
        const brief = await mqtt(short.jwt)
        await new Promise<void>(resolve => brief.once('close', () => resolve()))
        await brief.endAsync(true)
      }),
    programsMsMax,
  )

  it(
    'shows accounts, users and operators to monitoring',
    () =>
      withEdge(confOf(scratch('jwts')), async edge => {
        const account = newAccount(operator, 'A')
        const revoked = account.user()
        const jwt = account.jwt({ tags: ['t'], revocations: { [revoked.publicKey]: 5 } })
        await push(edge, jwt)
        const user = account.user({ tags: ['u'] }, { name: 'bob' })
        const client = await login(edge.url, user)
        const { account_detail: detail } = await page(edge, `/accountz?acc=${account.publicKey}`)
        assert.is(detail.jwt, jwt)
        assert.is(detail.issuer_key, operator.publicKey)
        assert.is(detail.name_tag, 'A')
        assert.equal(detail.tags, ['t'])
        assert.is(detail.decoded_jwt.sub, account.publicKey)
        assert.match(detail.revoked_user[revoked.publicKey], /^1970-01-01T00:00:05Z/)
        const { connections } = await page(edge, '/connz?auth=1')
        const row = connections.find((one: { jwt?: string }) => one.jwt === user.jwt)
        assert.is(row.authorized_user, user.publicKey)
        assert.is(row.account, account.publicKey)
        assert.is(row.issuer_key, account.publicKey)
        assert.is(row.name_tag, 'bob')
        assert.equal(row.tags, ['u'])
        const varz = await page(edge, '/varz')
        assert.is(varz.trusted_operators_claim[0].sub, operator.publicKey)
        assert.is(varz.trusted_operators_jwt.length, 1)
        assert.is(varz.system_account, system.publicKey)
        await client.close()
      }),
    programsMsMax,
  )

  it(
    'reloads preloads and no operators',
    async () => {
      const account = newAccount(operator, 'A')
      const base = [
        `operator: "${operatorJwt(operator)}"`,
        `system_account: ${system.publicKey}`,
        'resolver: MEMORY',
      ]
      const conf = (jwts: readonly string[]) =>
        [...base, `resolver_preload { ${system.publicKey}: "${system.jwt()}"`, ...jwts, '}'].join(
          '\n',
        )
      await withEdge(conf([]), async edge => {
        const config = readFileSync(edge.conf, 'utf8')
        const head = config.slice(0, config.indexOf('operator:'))
        const reload = async (text: string, line: RegExp) => {
          writeFileSync(edge.conf, text)
          const from = edge.process.output().length
          edge.process.child.kill('SIGHUP')
          await edge.process.waitFor(line, 5000, from)
        }
        const jwt = `${account.publicKey}: "${account.jwt()}"`
        await reload(head + conf([jwt]), /Reloaded server configuration/)
        const client = await login(edge.url, account.user())
        const closed = client.closed()
        await reload(
          head +
            conf([jwt]).replace(
              base[0] as string,
              `operator: "${operatorJwt(createNKey('operator'))}"`,
            ),
          /config reload not supported for TrustedOperators/,
        )
        await client.flush()
        await reload(head + conf([]), /Reloaded server configuration/)
        await closed
      })
    },
    programsMsMax,
  )
})
