// The `auth_callout` block: a service that decides who may connect (reference 2.3, ADR-26).

import { globalAccountName } from '../account/account.ts'
import { isPublicKey, readCurveKey } from '../account/nkey.ts'
import type { Block, ConfNode, Report, Values } from './option.ts'

export const calloutBlock = {
  issuer: {
    type: 'string',
    default: null,
    reloadable: true,
    about: 'Public key of the account that signs the answers, `A…`.',
  },
  account: {
    type: 'string',
    default: globalAccountName,
    aliases: ['acc'],
    reloadable: true,
    about: 'The account in which the service listens, on `$SYS.REQ.USER.AUTH`.',
  },
  auth_users: {
    type: 'strings',
    default: [],
    aliases: ['users'],
    reloadable: true,
    about: 'Users, by name or nkey, that nobody is asked about: the service itself.',
  },
  xkey: {
    type: 'string',
    default: null,
    aliases: ['key'],
    reloadable: true,
    about: 'Public curve key of the service, `X…`: requests are sealed for it.',
  },
  allowed_accounts: {
    type: 'strings',
    default: [],
    defaultText: 'all',
    reloadable: true,
    about: 'Accounts whose users the service is asked about.',
  },
} as const satisfies Block

export type CalloutOptions = Values<typeof calloutBlock>

export function verifyCallout(value: CalloutOptions, { place }: ConfNode, report: Report): void {
  const { issuer, xkey, auth_users: users } = value
  if (issuer === null) {
    report.error(place, 'Authorization callouts require an issuer to be specified')
  } else if (!isPublicKey(issuer, 'account')) {
    report.error(place, `Expected callout user to be a valid public account nkey, got "${issuer}"`)
  }
  if (users.length === 0) {
    report.error(place, 'Authorization callouts require authorized users to be specified')
  }
  if (xkey !== null && readCurveKey(xkey) === null) {
    report.error(place, `Expected callout xkey to be a valid public xkey, got "${xkey}"`)
  }
}
