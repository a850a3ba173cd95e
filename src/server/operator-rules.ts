// What the operator options make of the others: the operator's JWT names the system account and
// the resolver when the config does not, and users and accounts stand in JWTs only. Error texts
// are nats-server's (validateTrustedOperators).

import { globalAccountName, systemAccountName } from '../account/account.ts'
import { isPublicKey } from '../account/nkey.ts'
import { readUser } from '../operator/claims.ts'
import type { OperatorSettings } from '../operator/settings.ts'
import { Issues } from '../operator/issues.ts'
import { validateOperator } from '../operator/validate.ts'
import type { ServerOptions } from './options.ts'
import { protocolVersion } from './version.ts'

export function isOperatorMode({ operator, trusted }: ServerOptions): boolean {
  return operator.length > 0 || trusted.length > 0
}

/** With what one operator's JWT says where the config says nothing. */
export function withOperator<O extends ServerOptions>(options: O): O {
  const { operator, resolver, system_account: system } = options
  const [only] = operator
  if (only === undefined || operator.length > 1) return options
  const { accountServerUrl: url, systemAccount } = only
  const isNamed = system !== systemAccountName || systemAccount === ''
  return {
    ...options,
    // nsc itself adds /accounts when it pushes.
    resolver: resolver ?? (/^https?:/i.test(url) ? { is: 'url', url: `${url}/accounts` } : null),
    system_account: isNamed ? system : systemAccount,
  }
}

/** null: users stand in the config. */
export function operatorSettings(options: ServerOptions): OperatorSettings | null {
  if (!isOperatorMode(options)) return null
  const { operator, trusted, resolver, system_account: system } = options
  const systemAccount = system === systemAccountName ? '' : system
  const pinned = options.resolver_pinned_accounts
  const remotes = options.leafnodes?.remotes ?? []
  const named = remotes.map(remote => remote.account).filter(name => isPublicKey(name, 'account'))
  return {
    operators: operator,
    keys: trusted,
    resolver,
    preloads: options.resolver_preload,
    pinned: pinned.length === 0 ? null : new Set([...pinned, systemAccount]),
    sentinel: options.default_sentinel ?? '',
    systemAccount,
    accounts: [...new Set(named)],
    resolverTls: options.resolver_tls,
  }
}

type Add = (name: string, text: string) => void

export function operatorProblems(options: ServerOptions, add: Add): void {
  const { operator, trusted, default_sentinel: sentinel } = options
  if (!isOperatorMode(options)) {
    if (sentinel !== null) {
      add('default_sentinel', 'default sentinel requires operators and accounts')
    }
    return
  }
  if (options.no_auth_user !== null) {
    add('no_auth_user', 'no_auth_user not compatible with Trusted Operator')
  }
  if (operator.length === 0) return
  if (sentinel !== null) sentinelProblem(sentinel, add)
  if (options.resolver === null) {
    add('operator', 'operators require an account resolver to be configured')
  }
  if ((options.accounts?.size ?? 0) > 0) {
    add('accounts', 'operators do not allow Accounts to be configured directly')
  }
  if ((options.authorization?.users.length ?? 0) > 0) {
    add('authorization', 'operators do not allow users to be configured directly')
  }
  if (options.authorization?.auth_callout) {
    add('authorization', 'operators do not allow authorization callouts to be configured directly')
  }
  if (trusted.length > 0) {
    add('trusted', "conflicting options for 'TrustedKeys' and 'TrustedOperators'")
  }
  systemProblems(options, add)
  for (const { subject, assertServerVersion } of operator) {
    const fault = versionFault(subject, assertServerVersion)
    if (fault !== null) add('operator', fault)
  }
  for (const claims of operator) {
    const issues = new Issues()
    validateOperator(claims, issues)
    if (issues.list.length > 0) add('operator', `error parsing operator JWT: ${issues.text}`)
  }
  accountProblems(options, add)
}

function sentinelProblem(sentinel: string, add: Add): void {
  const user = readUser(sentinel)
  if (typeof user === 'string') return add('default_sentinel', 'default sentinel JWT not valid')
  const mayBeScoped = user.isBare && user.issuerAccount !== ''
  if (!user.limits.bearer && !mayBeScoped) {
    add('default_sentinel', 'default sentinel must be a bearer token')
  }
}

function systemProblems(options: ServerOptions, add: Add): void {
  const { operator, resolver, system_account: system } = options
  const named = operator.map(one => one.systemAccount).filter(name => name !== '')
  if (system !== systemAccountName) {
    if (named.length > 0 && !named.includes(system)) {
      add('system_account', 'system_account in config and operator JWT must be identical')
    }
  } else if (resolver?.is === 'full' || resolver?.is === 'cache') {
    add(
      'resolver',
      'using nats based account resolver - the system account needs to be specified in configuration or the operator jwt',
    )
  }
}

function accountProblems(options: ServerOptions, add: Add): void {
  for (const key of options.resolver_pinned_accounts) {
    if (isPublicKey(key, 'account')) continue
    add(
      'resolver_pinned_accounts',
      `pinned account key "${key}" is not a valid public account nkey`,
    )
  }
  for (const { account } of options.leafnodes?.remotes ?? []) {
    if (isPublicKey(account, 'account')) continue
    add(
      'leafnodes',
      account === globalAccountName
        ? "operator mode requires account nkeys in remotes. Please add an `account` key to each remote in your `leafnodes` section, to assign it to an account. Each account value should be a 56 character public key, starting with the letter 'A'"
        : 'operator mode and non account nkeys are incompatible',
    )
  }
}

/** The operator may ask for a server that is new enough. */
function versionFault(operator: string, wanted: string): string | null {
  if (wanted === '') return null
  const parts = /^(\d+)\.(\d+)\.(\d+)$/.exec(wanted)?.slice(1).map(Number)
  if (parts === undefined) {
    return `operator ${operator} expects version ${wanted} got error instead: asserted server version must be of the form <major>.<minor>.<update>`
  }
  const ours = protocolVersion.split('.').map(Number)
  for (const [i, what] of ['major', 'minor', 'update'].entries()) {
    const [theirs = 0, own = 0] = [parts[i], ours[i]]
    if (theirs > own) {
      return `operator ${operator} expected ${what} version ${theirs} > server ${what} version ${own}`
    }
    if (theirs < own) return null
  }
  return null
}
