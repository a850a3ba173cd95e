// Exports, imports, mappings and answers under way of an account, as /accountz prints them.

import type { AccountPlan, PlannedImport } from '../account/sharing-plan.ts'
import type { ExportRule, LatencyRule } from '../account/sharing.ts'
import type { Response } from '../broker/responses.ts'
import type { Sharing } from '../broker/sharing.ts'
import type { AccountFacts, PrintedMapping, PrintedShare } from './account-shapes.ts'

type Shown = Pick<AccountFacts, 'mappings' | 'exports' | 'imports' | 'responses'>

/** Answers under way that are shown; there may be many. */
const responsesMax = 1024

export function sharingFacts(sharing: Sharing, account: string): Required<Shown> {
  const plan = sharing.planOf(account)
  const responses = sharing.of(account)?.responses.open.values() ?? []
  return {
    mappings: plan === null ? {} : mappingsOf(plan),
    exports: plan === null ? [] : exportsOf(plan),
    imports:
      plan === null ? [] : [...plan.streams.map(streamRow), ...plan.services.map(serviceRow)],
    responses: responsesOf(responses),
  }
}

function mappingsOf({ mappings }: AccountPlan): Record<string, readonly PrintedMapping[]> {
  const rows: Record<string, readonly PrintedMapping[]> = {}
  for (const [source, destinations] of mappings?.shown() ?? []) {
    rows[source] = destinations.map(({ subject, weight, cluster }) => {
      return { subject, weight, ...(cluster === '' ? {} : { cluster }) }
    })
  }
  return rows
}

/** Services before streams, as nats-server has them. */
function exportsOf({ rules }: AccountPlan): readonly PrintedShare[] {
  const services = rules.exports.filter(({ kind }) => kind === 'service')
  const streams = rules.exports.filter(({ kind }) => kind === 'stream')
  return [...services, ...streams].map(exportRow)
}

function exportRow(rule: ExportRule): PrintedShare {
  const { subject, kind, needsActivation, responseType, latency, accounts } = rule
  return {
    subject,
    type: kind,
    ...(needsActivation ? { token_req: true } : {}),
    ...(kind === 'service' ? { response_type: responseType } : {}),
    ...(latency === null ? {} : { service_latency: latencyRow(latency) }),
    ...(accounts === null || accounts.length === 0 ? {} : { approved_accounts: accounts }),
  }
}

function latencyRow({ sampling, subject }: LatencyRule): PrintedShare {
  return { sampling: sampling === 0 ? 'headers' : sampling, results: subject }
}

function streamRow({ from, account, to }: PlannedImport): PrintedShare {
  return {
    subject: from,
    account,
    local_subject: to,
    type: 'stream',
    invalid: false,
    share: false,
    tracking: false,
  }
}

function serviceRow({ from, account, to, rule, export: exported }: PlannedImport): PrintedShare {
  return {
    subject: from,
    account,
    to,
    local_subject: to,
    type: 'service',
    invalid: false,
    share: rule.share,
    tracking: false,
    ...(exported.latency === null ? {} : { latency: latencyRow(exported.latency) }),
  }
}

function responsesOf(responses: Iterable<Response>): Record<string, PrintedShare> {
  const rows: Record<string, PrintedShare> = {}
  let count = 0
  for (const { subject, account, reply, isShared, measurement } of responses) {
    if (++count > responsesMax) break
    rows[subject] = {
      subject: reply,
      account: account.name,
      to: subject,
      local_subject: subject,
      type: 'service',
      invalid: false,
      share: isShared,
      tracking: measurement !== null,
      ...(measurement === null ? {} : { latency: latencyRow(measurement.rule) }),
    }
  }
  return rows
}
