// The whole option table: the broker's own and that of every room. The checker, the README and
// the reload look at nothing else.

import type { Block, Values } from '../src/server/option.ts'
import { isOperatorMode } from '../src/server/operator-rules.ts'
import { serverBlock } from '../src/server/options.ts'
import { globalAccountName, systemAccountName } from '../src/account/account.ts'
import type { TieredLimits } from '../src/account/stream-limits.ts'
import type { Flags } from '../src/server/flags.ts'
import { leafAccounts, leafProblems } from '../src/server/leafnode-options.ts'
import { mqttBlock } from './mqtt/options.ts'
import { schedulesRow } from './schedule/options.ts'
import { serialRow } from './serial/options.ts'
import { jetstreamDefaults, jetstreamOption } from './store/options.ts'
import { telemetryRow } from './telemetry/options.ts'

export const edgeBlock = {
  ...serverBlock,
  jetstream: jetstreamOption,
  mqtt: {
    type: 'block',
    block: mqttBlock,
    about: 'A listener for MQTT devices; needs jetstream.',
  },
  serial: serialRow,
  telemetry: telemetryRow,
  schedules: schedulesRow,
} as const satisfies Block

export type EdgeOptions = Values<typeof edgeBlock>

/** `-js` and `-sd` reach into the jetstream block; flags win over the file. */
export function withStoreFlags(options: EdgeOptions, flags: Flags): EdgeOptions {
  const isOn = flags.jetstream ?? options.jetstream !== null
  if (!isOn) return { ...options, jetstream: null }
  const base = options.jetstream ?? jetstreamDefaults()
  const dir = flags.storeDir ?? base.store_dir ?? options.store_dir
  return { ...options, jetstream: { ...base, store_dir: dir } }
}

/** The rules between rooms; a text for each broken one. */
export function edgeProblems(options: EdgeOptions): readonly string[] {
  const problems: string[] = []
  if (options.mqtt !== null && options.jetstream === null) {
    problems.push('mqtt requires JetStream to be enabled if running in standalone mode')
  }
  const { accounts } = options
  if (accounts === null) return problems
  const known = [globalAccountName, systemAccountName, ...accounts.keys()]
  const ofLeafs = leafAccounts(options.leafnodes)
  for (const name of new Set(namedAccounts(options))) {
    if (known.includes(name) || ofLeafs.includes(name)) continue
    problems.push(`cannot find local account "${name}"`)
  }
  return [...problems, ...leafProblems(options.leafnodes, known)]
}

/**
 * The accounts that have streams of their own. Where accounts are configured: those that say so.
 * Else $G and whatever account a block names. In operator mode JWTs say it.
 */
export function storedAccounts(options: EdgeOptions): readonly string[] {
  const { accounts, system_account: system } = options
  if (isOperatorMode(options)) return []
  const configured = [...(accounts ?? [])].filter(([name]) => name !== system)
  if (configured.length > 0) {
    return configured.filter(([, account]) => account.jetstream).map(([name]) => name)
  }
  return [...new Set([globalAccountName, ...namedAccounts(options)])].filter(
    name => name !== system && name !== systemAccountName,
  )
}

/** Of the accounts that have streams, what they may store where the config limits it. */
export function limitsOf(options: EdgeOptions): readonly TieredLimits[] {
  const limits = storedAccounts(options).map(name => options.accounts?.get(name)?.jetstream)
  return limits.flatMap(one => (one ? [new Map([['', one]])] : []))
}

/** Every account that some block of the edge names. */
export function namedAccounts(options: EdgeOptions): readonly string[] {
  return [
    ...(options.serial?.ports ?? []).map(port => port.account),
    ...options.schedules.map(schedule => schedule.account),
    ...leafAccounts(options.leafnodes),
    options.telemetry?.account ?? globalAccountName,
    options.mqtt?.account ?? globalAccountName,
  ]
}
