// Streams of a real hub that source and mirror the edge's stream get every message once and in
// order, although the hub or the edge is killed.

import * as assert from 'uvu/assert'
import {
  assertArrived,
  caseMsMax,
  everywhere,
  hubCount,
  publish,
  settled,
} from '../support/journey.ts'
import { spec } from '../support/spec.ts'

spec('source and kill -9', it => {
  it(
    'survives kill -9 of the hub',
    everywhere(async all => {
      const publishing = publish(all.atEdge, 0, 4000)
      await settled(async () => (await hubCount(all.hub)) > 300)
      await all.hub.restart('SIGKILL')
      const acknowledged = await publishing
      assert.is(acknowledged.length, 4000)
      await assertArrived(all, acknowledged)
    }),
    caseMsMax,
  )
  it(
    'survives kill -9 of the edge while it publishes',
    everywhere(async all => {
      const acknowledged: string[] = []
      const publishing = publish(all.atEdge, 0, 4000)
      await settled(async () => (await hubCount(all.hub)) > 300)
      await all.edge.restart('SIGKILL')
      acknowledged.push(...(await publishing))
      acknowledged.push(...(await publish(all.atEdge, 4000, 4100)))
      assert.ok(acknowledged.length > 300, String(acknowledged.length))
      await assertArrived(all, acknowledged)
    }),
    caseMsMax,
  )
})
