// Every field of the configs of streams and consumers: given, it comes back in what is answered,
// and the official client, which reads the config and sends it again, changes nothing. Beside
// nats-server 2.15.

import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { pairFor } from '../../support/pair.ts'
import { spec } from '../../support/spec.ts'
import { ask, askToMake, blot } from '../jetstream-talk.ts'
import { consumerRows, fedRows, type Row, streamRows } from './field-rows.ts'

const api = '$JS.API.'

type Fields = Readonly<Record<string, unknown>>

/** Without what a server adds to the labels. */
function given(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).filter(([name]) => !name.startsWith('_nats.')))
}

/** What comes back under the name, however it is asked for. */
async function stream(nc: NatsConnection, config: Fields, field: string): Promise<unknown[]> {
  const { streams } = await jetstreamManager(nc)
  await ask(nc, [`${api}STREAM.DELETE.X`])
  const made = await askToMake(nc, [`${api}STREAM.CREATE.X`, config])
  // How it stands with what it follows comes in any order there, and not all of it at once.
  const plain = made.replace(/("consumer_count":0\}),"(?:mirror|sources)":.*?(,"ts":)/, '$1$2')
  const info = await streams.info('X')
  const before = info.config as unknown as Fields
  const after = (await streams.update('X', before as never)).config as unknown as Fields
  assert.equal(after, before)
  return [plain, blot(JSON.stringify(before)), given(before[field])]
}

async function consumer(nc: NatsConnection, config: Fields, field: string): Promise<unknown[]> {
  const { consumers } = await jetstreamManager(nc)
  await ask(nc, [`${api}CONSUMER.DELETE.X.c`])
  const body = { stream_name: 'X', config }
  const made = await ask(nc, [`${api}CONSUMER.CREATE.X.c`, body])
  const before = (await consumers.info('X', 'c')).config as unknown as Fields
  const again = await ask(nc, [`${api}CONSUMER.CREATE.X.c`, { stream_name: 'X', config: before }])
  const after = (await consumers.info('X', 'c')).config as unknown as Fields
  assert.equal(after, before)
  const plain = [made, again].map(text =>
    text.replace(/(Identity: )[^|]+/, '$1<id>').replace(/("pause_remaining":)\d+/, '$1<left>'),
  )
  return [...plain, blot(JSON.stringify(before)), given(before[field])]
}

spec('fields of configs beside nats-server 2.15', (it, hooks) => {
  const pair = pairFor(hooks)
  const both = async (
    run: (nc: NatsConnection, config: Fields, field: string) => Promise<unknown[]>,
    [field, value]: Row,
    config: Fields,
  ): Promise<void> => {
    const [theirs, ours] = await Promise.all([
      run(pair.theirs, config, field),
      run(pair.ours, config, field),
    ])
    assert.equal(theirs.at(-1), value)
    assert.equal(ours, theirs)
  }

  for (const row of [...streamRows, ...fedRows]) {
    const [field, value, beside] = row
    const isFed = field === 'mirror' || field === 'sources'
    const base = isFed ? { name: 'X' } : { name: 'X', subjects: ['x.>'] }
    it(`stream ${field}: ${JSON.stringify(value)}`, () =>
      both(stream, row, { ...base, ...beside, [field]: value }))
  }

  it('stream X for the consumers', async () => {
    for (const nc of [pair.theirs, pair.ours]) {
      await ask(nc, [`${api}STREAM.DELETE.X`])
      await askToMake(nc, [`${api}STREAM.CREATE.X`, { name: 'X', subjects: ['x.>'] }])
    }
  })

  for (const row of consumerRows) {
    const [field, value, beside] = row
    const base = { name: 'c', durable_name: 'c', ack_policy: 'explicit' }
    it(`consumer ${field}: ${JSON.stringify(value)}`, () =>
      both(consumer, row, { ...base, ...beside, [field]: value }))
  }
})
