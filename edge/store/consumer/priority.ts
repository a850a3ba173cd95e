// Priority groups of pull consumers (2.11, ADR-42): which requests they take, and whether one may
// have the message that comes next.
//
//   overflow       served once enough messages are left, or enough wait for their acks
//   pinned_client  served while it holds the pin; see pin.ts
//   prioritized    all are, those of a lower number first; see waiting.ts

import type { ConsumerConfig } from './config.ts'
import type { Delivery } from './outlet.ts'
import type { PullGroup } from './request.ts'
import * as status from './status.ts'

export const priorityPolicies = ['none', 'overflow', 'pinned_client', 'prioritized'] as const
export type PriorityPolicy = (typeof priorityPolicies)[number]

const priorityMax = 9

export const groupNameRule = /^[a-zA-Z0-9/_=-]{1,16}$/

/** What is wrong with a request's group, as a status; null when nothing is. */
export function refusalOf(config: ConsumerConfig, asked: PullGroup | null): Buffer | null {
  if (asked === null) return null
  const { priority_policy: policy = 'none', priority_groups = [] } = config
  if ((asked.minPending !== 0 || asked.minAckPending !== 0) && policy !== 'overflow') {
    return status.badRequest('Not a Overflow Priority consumer')
  }
  if (asked.id !== '' && policy !== 'pinned_client') {
    return status.badRequest('Not a Pinned Client Priority consumer')
  }
  if (asked.priority < 0 || asked.priority > priorityMax) {
    return status.badRequest('Priority must be between 0 and 9')
  }
  if (policy === 'none') return null
  if (asked.group === '') return status.badRequest('Priority Group missing')
  return priority_groups.includes(asked.group) ? null : status.badRequest('Invalid Priority Group')
}

/** Is there so much to do that a request with these conditions is to help? */
export function isOverflowing(asked: PullGroup | null, { left, ackPending }: Delivery): boolean {
  if (asked === null) return true
  const { minPending, minAckPending } = asked
  if (minPending <= 0 && minAckPending <= 0) return true
  return (
    (minPending > 0 && minPending <= left + 1) || (minAckPending > 0 && minAckPending <= ackPending)
  )
}

/** Requests without a group come last. */
export function rankOf(asked: PullGroup | null): number {
  return asked === null ? Number.POSITIVE_INFINITY : asked.priority
}
