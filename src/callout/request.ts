// What the callout service is asked: a JWT of type `authorization_request`, signed by the server
// (ADR-26). It says who we are, who comes, with what, and for which key the answer must be made.

import { createHash } from 'node:crypto'
import type { Credentials, Peer } from '../account/authenticate.ts'
import { encodeBase32, type NKey } from '../account/nkey.ts'
import type { CalloutTarget } from '../operator/delegation.ts'

const audience = 'nats-authorization-request'

/** The server as the request names it. */
export interface Asker {
  readonly name: string
  readonly host: string
  readonly version: string
  readonly cluster: string | null
  readonly tags: readonly string[]
  /** '' when nothing is sealed. */
  readonly xkey: string
  readonly key: NKey
}

export interface Question {
  readonly credentials: Credentials
  readonly peer: Peer
  /** Whose JWT it brought. */
  readonly bearer?: NonNullable<CalloutTarget['bearer']>
  /** Public key of a user that is made for this request only: the answer is for nobody else. */
  readonly userNkey: string
  /** Whom the request is about to: the issuer of the config, else the account. */
  readonly subject: string
  readonly nowSeconds: number
  readonly timeoutSeconds: number
}

/** The token. */
export function requestToken(asker: Asker, question: Question): string {
  const { peer, credentials, userNkey, subject, nowSeconds, timeoutSeconds } = question
  const claims = {
    aud: audience,
    exp: nowSeconds + timeoutSeconds,
    iat: nowSeconds,
    iss: asker.key.publicKey,
    sub: subject,
    nats: {
      server_id: serverFields(asker),
      user_nkey: userNkey,
      client_info: clientFields(question),
      connect_opts: connectFields(credentials),
      ...tlsFields(peer),
      type: 'authorization_request',
      version: 2,
    },
  }
  return signed({ jti: idOf(claims), ...claims }, asker.key)
}

function serverFields({ name, host, version, cluster, tags, xkey, key }: Asker): object {
  return {
    name,
    host,
    id: key.publicKey,
    version,
    ...text('cluster', cluster ?? ''),
    ...(tags.length === 0 ? {} : { tags }),
    ...text('xkey', xkey),
  }
}

function clientFields({ peer, credentials, bearer }: Question): object {
  const { user, nkey, name, sig, token, pass } = credentials
  const { host, nonce, id, connectionType, mqttClientId } = peer
  const hidden = token === '' || pass !== '' ? '' : '[REDACTED]'
  const shownUser = nkey || user || bearer?.subject || hidden
  return {
    ...text('host', host),
    ...(id === undefined ? {} : { id }),
    ...text('user', shownUser),
    ...text('name', name ?? ''),
    ...(bearer && bearer.tags.length > 0 ? { tags: bearer.tags } : {}),
    ...text('name_tag', bearer?.name ?? ''),
    kind: connectionType.startsWith('LEAFNODE') ? 'Leafnode' : 'Client',
    ...text('type', types[connectionType] ?? ''),
    ...text('mqtt_id', mqttClientId ?? ''),
    ...(sig ? { nonce } : {}),
  }
}

const types: Readonly<Record<string, string>> = {
  STANDARD: 'nats',
  WEBSOCKET: 'websocket',
  MQTT: 'mqtt',
  MQTT_WS: 'mqtt',
}

function connectFields(credentials: Credentials): object {
  const { jwt, nkey, sig, token, user, pass, name, lang, version, protocol } = credentials
  return {
    ...text('jwt', jwt ?? ''),
    ...text('nkey', nkey ?? ''),
    ...text('sig', sig ?? ''),
    ...text('auth_token', token),
    ...text('user', user),
    ...text('pass', pass),
    ...text('name', name ?? ''),
    ...text('lang', lang ?? ''),
    ...text('version', version ?? ''),
    protocol: protocol ?? 0,
  }
}

function tlsFields({ certificate, secured }: Peer): object {
  if (!secured) return {}
  const { version, cipher } = secured
  const pem = certificate === null ? {} : { verified_chains: [[certificate.toString()]] }
  return { client_tls: { ...text('version', version), ...text('cipher', cipher), ...pem } }
}

function text(name: string, value: string): object {
  return value === '' ? {} : { [name]: value }
}

function signed(claims: object, key: NKey): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const covered = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(claims)}`
  return `${covered}.${key.sign(Buffer.from(covered)).toString('base64url')}`
}

function idOf(claims: object): string {
  return encodeBase32(createHash('sha512-256').update(JSON.stringify(claims)).digest())
}
