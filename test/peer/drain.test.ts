// Work queues and interest streams drained over a bad link, in every direction: into a hub of 2.15,
// out of one, and between two nodes of ours. Nothing that was acknowledged is lost, nothing comes
// twice, whatever is cut or killed.

import { type Drain, type DrainOptions, type Pair, withPair } from '../support/drain.ts'
import { spec } from '../support/spec.ts'

const caseMsMax = 280_000

const drains: readonly DrainOptions[] = [
  { name: 'up', origin: 'leaf', retention: 'workqueue', how: 'source' },
  { name: 'upmade', origin: 'leaf', retention: 'workqueue', how: 'source', isPreMade: true },
  { name: 'upinterest', origin: 'leaf', retention: 'interest', how: 'source' },
  { name: 'upmirror', origin: 'leaf', retention: 'workqueue', how: 'mirror' },
  { name: 'down', origin: 'hub', retention: 'workqueue', how: 'source' },
  { name: 'downmade', origin: 'hub', retention: 'workqueue', how: 'source', isPreMade: true },
  { name: 'downmirror', origin: 'hub', retention: 'interest', how: 'mirror' },
]
const fewer = drains.filter(({ name }) => ['up', 'upmade', 'downmirror'].includes(name))

const withHub = (run: (pair: Pair) => Promise<void>) => () =>
  withPair({ hub: '2.15', leaf: 'ours' }, drains, run)
const withOurs = (run: (pair: Pair) => Promise<void>) => () =>
  withPair({ hub: 'ours', leaf: 'ours' }, fewer, run)

function each(pair: Pair, run: (drain: Drain) => Promise<void>): Promise<unknown> {
  return Promise.all(pair.drains.map(run))
}

const pause = () => new Promise(resolve => setTimeout(resolve, 300))

async function throughCuts(pair: Pair): Promise<void> {
  const publishing = each(pair, drain => drain.publishMany('a', 900))
  for (const count of [100, 500]) {
    await Promise.race(pair.drains.map(drain => drain.arrived(count)))
    pair.proxy.down()
    await pause()
    pair.proxy.up()
  }
  await publishing
  await each(pair, drain => drain.assertDrained())
}

/** The leaf node or the hub is killed while all publish. */
const throughDeath = (who: 'hub' | 'leaf') => async (pair: Pair) => {
  const publishing = each(pair, drain => drain.publishMany('a', 600))
  await Promise.race(pair.drains.map(drain => drain.arrived(200)))
  await pair[who].restart('SIGKILL')
  await publishing
  await each(pair, drain => drain.publishMany('b', 50))
  await each(pair, drain => drain.assertDrained())
}

async function throughHours(pair: Pair): Promise<void> {
  await each(pair, drain => drain.publishMany('a', 100))
  pair.proxy.down()
  await each(pair, drain => drain.publishMany('b', 300))
  await pair.leaf.restart('SIGKILL')
  await each(pair, drain => drain.publishMany('c', 300))
  await pair.hub.restart('SIGTERM')
  pair.proxy.up()
  await each(pair, drain => drain.assertDrained())
}

spec('drain', it => {
  it('loses nothing when the link is cut in the middle', withHub(throughCuts), caseMsMax)
  it('loses nothing when the edge is killed', withHub(throughDeath('leaf')), caseMsMax)
  it('loses nothing when the hub is killed', withHub(throughDeath('hub')), caseMsMax)
  it('keeps what comes while it is offline', withHub(throughHours), caseMsMax)
})

spec('drain between two of ours', it => {
  it('loses nothing when the link is cut in the middle', withOurs(throughCuts), caseMsMax)
  it('loses nothing when either is killed', withOurs(throughDeath('leaf')), caseMsMax)
  it('keeps what comes while it is offline', withOurs(throughHours), caseMsMax)
})
