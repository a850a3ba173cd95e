// Who asks for the last message of a subject while a newer one is on its way to the disk: what it
// replaces is gone already, and what is not on disk must not be shown. So the answer waits.

import * as assert from 'uvu/assert'
import { connect } from '@nats-io/transport-node'
import { spec } from '../support/spec.ts'
import { startBroker } from './broker.ts'

const config = {
  name: 'KV_b',
  subjects: ['$KV.b.>'],
  max_msgs_per_subject: 1,
  allow_direct: true,
  discard: 'new',
}

spec('the last of a subject', it => {
  it('is never missing while it is replaced', async () => {
    const broker = await startBroker()
    const nc = await connect({ servers: broker.url })
    try {
      await nc.request('$JS.API.STREAM.CREATE.KV_b', JSON.stringify(config))
      await nc.request('$KV.b.key', '0')
      for (let round = 1; round <= 50; round++) {
        const asked = [
          nc.request('$KV.b.key', `${round}`).then(() => `${round}`),
          nc.request('$JS.API.DIRECT.GET.KV_b.$KV.b.key').then(one => one.string()),
          nc
            .request('$JS.API.DIRECT.GET.KV_b', JSON.stringify({ last_by_subj: '$KV.b.key' }))
            .then(one => one.string()),
          nc
            .request('$JS.API.DIRECT.GET.KV_b', JSON.stringify({ multi_last: ['$KV.b.*'] }))
            .then(one => one.string()),
          nc
            .request('$JS.API.STREAM.MSG.GET.KV_b', JSON.stringify({ last_by_subj: '$KV.b.key' }))
            .then(one => atob((one.json() as { message: { data: string } }).message.data)),
        ]
        assert.equal(await Promise.all(asked), Array(asked.length).fill(`${round}`))
      }
    } finally {
      await nc.close()
      await broker.close()
    }
  })
})
