// From the options to the limits of links and accounts; Infinity is none.

import type { AccountLimits } from '../account/account.ts'
import type { LinkLimits } from '../link/context.ts'
import type { AccountOptions } from './account-options.ts'
import type { ServerOptions } from './options.ts'

/** What links need of the options. */
export function limitsOf(options: ServerOptions): LinkLimits {
  const unlimited = (max: number) => (max <= 0 ? Number.POSITIVE_INFINITY : max)
  return {
    lineBytesMax: options.max_control_line,
    payloadBytesMax: options.max_payload,
    connectionsMax: unlimited(options.max_connections),
    subscriptionsMax: unlimited(options.max_subscriptions),
    pendingBytesMax: options.max_pending,
    writeDeadlineMs: options.write_deadline,
    tracedBytesMax: options.max_traced_msg_len,
    tracesHeadersOnly: options.trace_headers,
    subjectTokensMax: options.max_sub_tokens,
    headersOff: options.no_header_support,
    keepalive: {
      intervalMs: options.ping_interval,
      unansweredMax: options.ping_max,
      firstMs: 2000,
    },
  }
}

/** `limits` of an account. */
export function accountLimitsOf(limits: AccountOptions['limits']): AccountLimits {
  const bound = (max: number) => (max < 0 ? Number.POSITIVE_INFINITY : max)
  return {
    connectionsMax: bound(limits.max_connections),
    leafsMax: bound(limits.max_leafnodes),
    subscriptionsMax: bound(limits.max_subscriptions),
    payloadBytesMax: bound(limits.max_payload),
  }
}
