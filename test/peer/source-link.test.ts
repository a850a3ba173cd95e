// Streams of a real hub that source and mirror the edge's stream get every message once and in
// order, whatever happens to the link between them.

import * as assert from 'uvu/assert'
import { assertArrived, caseMsMax, everywhere, publish } from '../support/journey.ts'
import { spec } from '../support/spec.ts'

spec('source over a bad link', it => {
  it(
    'survives cuts of the link in the middle of a batch',
    everywhere(async all => {
      all.proxy.down()
      const acknowledged = await publish(all.atEdge, 0, 3000)
      all.proxy.cutAfter([150_001])
      all.proxy.up()
      acknowledged.push(...(await publish(all.atEdge, 3000, 4000)))
      await assertArrived(all, acknowledged)
      // Again, while it is published.
      all.proxy.cutAfter([50_001])
      acknowledged.push(...(await publish(all.atEdge, 4000, 6000)))
      await assertArrived(all, acknowledged)
      assert.is(acknowledged.length, 6000)
      assert.is(all.proxy.cuts, 2)
    }),
    caseMsMax,
  )
  it(
    'catches up on what was published offline, also before a restart',
    everywhere(async all => {
      const acknowledged = await publish(all.atEdge, 0, 500)
      all.proxy.down()
      acknowledged.push(...(await publish(all.atEdge, 500, 8000)))
      await all.edge.restart('SIGTERM')
      acknowledged.push(...(await publish(all.atEdge, 8000, 12_000)))
      all.proxy.up()
      acknowledged.push(...(await publish(all.atEdge, 12_000, 12_500)))
      assert.is(acknowledged.length, 12_500)
      await assertArrived(all, acknowledged)
    }),
    caseMsMax,
  )
})
