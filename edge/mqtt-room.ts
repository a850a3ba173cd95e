// Brings the MQTT room together with the server and the store.

import type { Server } from '../src/server/server.ts'
import { MqttGateway, type MqttObserver } from './mqtt/gateway.ts'
import type { MqttOptions } from './mqtt/options.ts'
import { SessionStore } from './store/session.ts'
import type { Store } from './store/store.ts'

export function newMqttGateway(
  server: Server,
  store: Store,
  options: MqttOptions,
  observer: MqttObserver,
): MqttGateway {
  const { log, clock, turn, pool, pressure } = server
  return new MqttGateway({
    options,
    limits: () => server.links.limits,
    keeper: new SessionStore(store.db, store.commit),
    log,
    clock,
    turn,
    pool,
    pressure,
    authenticate: (credentials, account, peer, own) =>
      server.authenticate(credentials, account, peer, own),
    account: name => server.account(name),
    nextId: () => server.nextId(),
    observer,
  })
}
