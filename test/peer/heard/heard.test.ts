// Every subject, status, header and event that a client of a single server meets, beside nats-server 2.15.

import { pairFor } from '../../support/pair.ts'
import { spec } from '../../support/spec.ts'
import { eventRows } from './event-rows.ts'
import { feedRows } from './feed-rows.ts'
import { deliveryRows, publishRows, scheduleRows } from './header-rows.ts'
import { hear } from './hear.ts'
import { directRows, pullRows, pushRows } from './status-rows.ts'
import { subjectRows } from './subject-rows.ts'

spec('statuses beside nats-server 2.15', (it, hooks) => {
  hear(it, [...pullRows, ...pushRows, ...directRows], pairFor(hooks))
})

spec('headers beside nats-server 2.15', (it, hooks) => {
  hear(it, [...publishRows, ...scheduleRows, ...deliveryRows], pairFor(hooks))
})

spec('subjects beside nats-server 2.15', (it, hooks) => {
  hear(it, subjectRows, pairFor(hooks))
})

spec('events beside nats-server 2.15', (it, hooks) => {
  hear(it, eventRows, pairFor(hooks))
})

spec('errors of feeds beside nats-server 2.15', (it, hooks) => {
  hear(it, feedRows, pairFor(hooks))
})
