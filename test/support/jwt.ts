// Signed JWTs of an operator, its accounts and their users, as `nsc` makes them: enough to run a
// hub in operator mode.

import { writeCreds } from '../../src/account/creds.ts'
import { createNKey, type NKey } from '../../src/account/nkey.ts'

export interface Operator {
  /** Config lines of a hub that knows the operator and its account. */
  readonly conf: string
  /** Text of a creds file for a new user of the account. */
  creds(permissions?: object): string
}

export function newOperator(): Operator {
  const operator = createNKey('operator')
  const account = createNKey('account')
  const limits = {
    subs: -1,
    data: -1,
    payload: -1,
    imports: -1,
    exports: -1,
    wildcards: true,
    conn: -1,
    leaf: -1,
  }
  const operatorJwt = sign(operator, operator, 'O', { type: 'operator' })
  const accountJwt = sign(operator, account, 'A', {
    limits,
    default_permissions: { pub: {}, sub: {} },
    type: 'account',
  })
  return {
    conf: [
      `operator: "${operatorJwt}"`,
      'resolver: MEMORY',
      `resolver_preload { ${account.publicKey}: "${accountJwt}" }`,
    ].join('\n'),
    creds: (permissions = { pub: {}, sub: {} }) => {
      const user = createNKey('user')
      const nats = { ...permissions, subs: -1, data: -1, payload: -1, type: 'user' }
      return writeCreds(sign(account, user, 'U', nats), user.seed)
    },
  }
}

function sign(issuer: NKey, subject: NKey, name: string, nats: object): string {
  const header = part({ typ: 'JWT', alg: 'ed25519-nkey' })
  const iat = Math.floor(Date.now() / 1000)
  const claims = {
    jti: subject.publicKey,
    iat,
    iss: issuer.publicKey,
    name,
    sub: subject.publicKey,
  }
  const body = `${header}.${part({ ...claims, nats: { ...nats, version: 2 } })}`
  return `${body}.${issuer.sign(Buffer.from(body)).toString('base64url')}`
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
