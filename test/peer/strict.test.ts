// Requests read strictly, word for word beside nats-server 2.15, and loosely where the config says
// so: what is wrong with a body, and where.

import { connect, type NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { startBroker } from '../store/broker.ts'
import { startHub } from '../support/hub.ts'
import { pairFor } from '../support/pair.ts'
import { spec } from '../support/spec.ts'
import { ask, type Say } from './jetstream-talk.ts'
import { bodies } from './strict-says.ts'

const says: readonly Say[] = bodies.map(([verb, body]) => [`$JS.API.${verb}`, body])

async function compare(theirs: NatsConnection, ours: NatsConnection): Promise<void> {
  const differences: string[] = []
  for (const say of says) {
    const answers = await Promise.all([ask(theirs, say), ask(ours, say)])
    const [expected, actual] = answers.map(text => text.replace(/(RESTORE\.BAD\.)\w+/, '$1<id>'))
    if (expected === actual) continue
    differences.push(`${JSON.stringify(say)}\n  theirs ${expected}\n  ours   ${actual}`)
  }
  assert.is(differences.join('\n'), '')
}

spec('strict requests beside nats-server 2.15', (it, hooks) => {
  const pair = pairFor(hooks)

  it('are refused for what is wrong first', () => compare(pair.theirs, pair.ours), 20_000)

  it('may say what nobody knows when strict is off', async () => {
    const hub = await startHub({ jetstream: true, jetstreamConf: 'strict: false' })
    const broker = await startBroker({ strict: false })
    const theirs = await connect({ servers: hub.url })
    const ours = await connect({ servers: broker.url })
    try {
      await compare(theirs, ours)
    } finally {
      await theirs.close()
      await ours.close()
      await broker.close()
      await hub.stop()
    }
  }, 20_000)
})
