// Where messages come from besides the network: serial ports, the figures of the board, the clock.
// A room is loaded only when the config asks for it.

import type { Closer } from '../src/base/closers.ts'
import type { Server } from '../src/server/server.ts'
import type { Viewed } from './monitoring.ts'
import type { EdgeOptions } from './options.ts'

export interface Input extends Viewed, Closer {
  start(): Promise<void>
}

/** By the name that monitoring shows, in the order in which they start. */
export async function newInputs(
  server: Server,
  options: EdgeOptions,
): Promise<ReadonlyMap<string, Input>> {
  const { log, clock } = server
  const account = (name: string) => server.account(name)
  const inputs = new Map<string, Input>()
  if (options.serial !== null) {
    const { SerialGateway } = await import('./serial/gateway.ts')
    inputs.set('serial', new SerialGateway({ options: options.serial, account, log, clock }))
  }
  if (options.telemetry !== null) {
    const { Telemetry } = await import('./telemetry/telemetry.ts')
    const parts = { options: options.telemetry, server: server.name, account, log, clock }
    inputs.set('telemetry', new Telemetry(parts))
  }
  if (options.schedules.length > 0) {
    const { Schedules } = await import('./schedule/schedules.ts')
    inputs.set('schedules', new Schedules({ options: options.schedules, account, log, clock }))
  }
  return inputs
}
