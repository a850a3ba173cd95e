// What monitoring shows of leaf nodes.

import { AcceptedLeaf } from './accepted.ts'
import type { Leaf } from './leaf.ts'
import type { RemoteOptions } from './remote.ts'
import { bareUrl } from './url.ts'

/** One link as /leafz, /connz and /varz read it. */
export interface LeafView {
  readonly id: number
  /** The other server's name. */
  readonly name: string
  readonly isSpoke: boolean
  readonly isIsolated: boolean
  readonly isWebSocket: boolean
  readonly user: string
  readonly account: string
  readonly host: string
  readonly port: number
  readonly version: string
  readonly startedWallMs: number
  readonly lastActivityMs: number
  readonly pendingBytes: number
  readonly rttMs: number
  readonly inMsgs: number
  readonly inBytes: number
  readonly outMsgs: number
  readonly outBytes: number
  /** Subjects the other side has subscribed to. */
  readonly subjects: readonly string[]
}

export function viewOf(leaf: Leaf): LeafView {
  const { id, remoteName: name, isSpoke, isIsolated, user, account, host, port, rttMs } = leaf
  const { inMsgs, inBytes, outMsgs, outBytes } = leaf
  const { startedWallMs, lastActivityMs, pendingBytes, isWebSocket } = leaf
  const subjects = Array.from(leaf.subscriptions.values(), ({ subject }) => subject)
  return {
    ...{ id, name, isSpoke, isIsolated, isWebSocket, user, account: account?.name ?? '' },
    ...{ host, port, startedWallMs, lastActivityMs, pendingBytes, rttMs },
    version: leaf instanceof AcceptedLeaf ? (leaf.spoke?.version ?? '') : '',
    ...{ inMsgs, inBytes, outMsgs, outBytes, subjects },
  }
}

/** `remotes` of `leaf` in /varz. Urls without their user and password. */
export function remotesView(remotes: readonly RemoteOptions[]): object {
  if (remotes.length === 0) return {}
  return {
    remotes: remotes.map(({ account, tls, urls, deny_imports, deny_exports }) => ({
      local_account: account,
      ...(tls === null ? {} : { tls_timeout: tls.timeout / 1000 }),
      urls: urls.map(bareUrl),
      ...deniesOf(deny_imports, deny_exports),
    })),
  }
}

function deniesOf(imports: readonly string[], exports: readonly string[]): object {
  if (imports.length === 0 && exports.length === 0) return {}
  return {
    deny: {
      ...(exports.length === 0 ? {} : { exports }),
      ...(imports.length === 0 ? {} : { imports }),
    },
  }
}
