// A broker with JetStream in this process, on a scratch store, for tests of the API.

import { JetStream } from '../../edge/store/jetstream.ts'
import { type JetStreamOptions, jetstreamDefaults } from '../../edge/store/options.ts'
import { realClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { Turn } from '../../src/base/turn.ts'
import { Server } from '../../src/server/server.ts'
import { scratch } from '../support/directory.ts'
import { optionsOf } from '../support/server.ts'

export interface Broker {
  readonly url: string
  readonly server: Server
  readonly jetstream: JetStream
  close(): Promise<void>
}

export async function startBroker(
  options: Partial<JetStreamOptions> = {},
  dir = scratch('store'),
): Promise<Broker> {
  const turn = new Turn()
  const domain = options.domain ?? null
  const server = new Server({
    options: { ...optionsOf(''), server_name: 'edge' },
    log: silentLog,
    clock: realClock,
    turn,
    jetstream: { domain },
  })
  const jetstream = new JetStream({
    options: { ...jetstreamDefaults(), store_dir: dir, ...options },
    accounts: [server.account('$G')],
    serverId: server.id,
    serverName: server.name,
    log: silentLog,
    clock: realClock,
    turn,
  })
  await jetstream.start()
  await server.start()
  return {
    url: `nats://127.0.0.1:${server.address.port}`,
    server,
    jetstream,
    close: async () => {
      server.close()
      await jetstream.close()
    },
  }
}
