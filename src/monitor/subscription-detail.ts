// One subscription as /connz, /routez and /subsz print it.

import type { KeptSubscription } from '../link/closed.ts'

export function subscriptionDetail(subscription: KeptSubscription, cid: number): object {
  const { subject, queue, sid, delivered, max } = subscription
  return {
    subject,
    ...(queue === '' ? {} : { qgroup: queue }),
    sid,
    msgs: delivered,
    ...(max > 0 ? { max } : {}),
    cid,
  }
}

/** What `subs` asks for: nothing, the subjects, or all about them. */
export type Wanted = 'none' | 'subjects' | 'detail'

export function subscriptionLists(
  subscriptions: readonly KeptSubscription[],
  cid: number,
  wanted: Wanted,
  account = '',
): object {
  if (wanted === 'none' || subscriptions.length === 0) return {}
  if (wanted === 'subjects') {
    return { subscriptions_list: subscriptions.map(one => one.subject) }
  }
  return {
    subscriptions_list_detail: subscriptions.map(one => ({
      ...(account === '' ? {} : { account }),
      ...subscriptionDetail(one, cid),
    })),
  }
}
