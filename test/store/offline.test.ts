// Streams that need a level of the API we do not have: left alone on the disk, and named with the
// reason wherever somebody asks for them.

import { connect } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import type { Stream } from '../../edge/store/shapes.ts'
import { ask } from '../peer/jetstream-talk.ts'
import { scratch } from '../support/directory.ts'
import { spec } from '../support/spec.ts'
import { startBroker } from './broker.ts'

const api = '$JS.API.'
const reason = 'unsupported - required API level: 9, current API level: 4'
const offline = `"error":{"code":500,"err_code":10194,"description":"stream is offline: ${reason}"}`

spec('offline streams', it => {
  it('say why, take nothing, and can be deleted', async () => {
    const dir = scratch('store')
    const before = await startBroker({}, dir)
    let nc = await connect({ servers: before.url })
    await ask(nc, [`${api}STREAM.CREATE.S`, { name: 'S', subjects: ['s.*'], allow_direct: true }])
    await ask(nc, [`${api}STREAM.CREATE.T`, { name: 'T' }])
    await ask(nc, ['s.a', '1'])
    const { store } = before.jetstream
    const stream = before.jetstream.streams('$G')?.stream('S') as Stream
    const metadata = { ...stream.config.metadata, '_nats.req.level': '9' }
    assert.is(store.update(stream as never, { ...stream.config, metadata }), null)
    await nc.close()
    await before.close()

    const broker = await startBroker({}, dir)
    nc = await connect({ servers: broker.url })
    for (const say of [
      [`${api}STREAM.INFO.S`],
      [`${api}STREAM.UPDATE.S`, { name: 'S', subjects: ['s.*'] }],
      [`${api}STREAM.PURGE.S`],
      [`${api}STREAM.MSG.GET.S`, { seq: 1 }],
      [`${api}CONSUMER.CREATE.S`, { stream_name: 'S', config: {} }],
      [`${api}CONSUMER.INFO.S.c`],
    ] as const) {
      assert.match(await ask(nc, say), offline, say[0])
    }
    assert.is(await ask(nc, ['s.a', '2']), 'no responders')
    assert.is(await ask(nc, [`${api}DIRECT.GET.S`, { seq: 1 }]), 'no responders')
    const list = await ask(nc, [`${api}STREAM.LIST`])
    assert.match(list, `"missing":["S"],"offline":{"S":"${reason}"}`)
    assert.match(await ask(nc, [`${api}STREAM.CREATE.S`, { name: 'S' }]), '10058')
    assert.match(
      await ask(nc, [`${api}STREAM.CREATE.U`, { name: 'U', subjects: ['s.b'] }]),
      '10065',
    )
    assert.match(await ask(nc, [`${api}STREAM.DELETE.S`]), '"success":true')
    assert.match(await ask(nc, [`${api}STREAM.INFO.S`]), '10059')
    assert.match(await ask(nc, [`${api}STREAM.CREATE.S`, { name: 'S' }]), '"did_create":true')
    await nc.close()
    await broker.close()
  })
})
