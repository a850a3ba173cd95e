// The whole option table: the broker's own and that of every room. The checker, the README and
// the reload look at nothing else.

import type { Block, Values } from '../src/server/option.ts'
import { serverBlock } from '../src/server/options.ts'
import { globalAccountName, systemAccountName } from '../src/account/account.ts'
import type { Flags } from '../src/server/flags.ts'
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
  return problems
}

/** Every account that some block names: each has streams of its own. */
export function accountNames(options: EdgeOptions): readonly string[] {
  const names = [
    globalAccountName,
    ...(options.serial?.ports ?? []).map(port => port.account),
    ...options.schedules.map(schedule => schedule.account),
    ...(options.leafnodes?.remotes ?? []).map(remote => remote.account),
    options.telemetry?.account ?? globalAccountName,
    options.mqtt?.account ?? globalAccountName,
  ]
  return [...new Set(names)].filter(name => name !== systemAccountName)
}
