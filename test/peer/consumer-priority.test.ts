// Priority groups of pull consumers (2.11, 2.12; ADR-42) beside nats-server: which requests are
// taken, who is served, the pin, and what is told about it.

import type { Msg } from '@nats-io/transport-node'
import { type StoryInbox, type Teller, blotIds, sleep, stories } from './consumer-story.ts'

const msNs = 1_000_000
const pinned = { priority_policy: 'pinned_client', priority_groups: ['A'] }
const overflow = { priority_policy: 'overflow', priority_groups: ['A'] }
const prioritized = { priority_policy: 'prioritized', priority_groups: ['A'] }

async function filled(teller: Teller, name: string, count: number): Promise<void> {
  await teller.stream(name, { subjects: [`${name}.>`] })
  for (let i = 1; i <= count; i++) await teller.store([`${name}.m`, `${i}`])
}

const pinOf = (messages: readonly Msg[]): string => messages[0]?.headers?.get('Nats-Pin-Id') ?? ''

async function groups(teller: Teller, stream: string, name: string): Promise<string> {
  const info = await teller.info(stream, name)
  return blotIds(JSON.stringify(info.priority_groups)).replace(/20\d\d-[^"]*/, '<time>')
}

/** Advisories of a consumer, without what is different every time. */
function advisories(teller: Teller, stream: string): StoryInbox {
  return teller.listen(`$JS.EVENT.ADVISORY.CONSUMER.*.${stream}.*`)
}

stories('priority groups', it => {
  it('are refused where they cannot be', async teller => {
    await teller.stream('R', { subjects: ['R.>'] })
    const make = (config: Record<string, unknown>, more = {}) =>
      teller.create('R', 'c', config, more)
    await make({ priority_policy: 'overflow' })
    await make({ priority_policy: 'overflow', priority_groups: [] })
    await make({ priority_policy: 'overflow', priority_groups: [''] })
    await make({ priority_policy: 'overflow', priority_groups: ['a b'] })
    await make({ priority_policy: 'overflow', priority_groups: ['x'.repeat(17)] })
    await make({ ...overflow, deliver_subject: 'd' })
    await make({ priority_groups: ['A'] })
    await make({ priority_timeout: 5 })
    await make({ priority_policy: 'none', priority_timeout: 5 })
    await make({ priority_timeout: -5 }, { pedantic: true })
    await make({ ...overflow, priority_groups: ['x'.repeat(16), 'a_/=-9'] })
    await make({ ...pinned, priority_timeout: -5 })
    await make({ ...pinned, priority_timeout: 7 })
    await make(prioritized)
    await make({})
  })

  it('ask of requests what they need', async teller => {
    await filled(teller, 'Q', 0)
    await teller.create('Q', 'o', overflow)
    await teller.create('Q', 'p', pinned)
    await teller.create('Q', 'z', prioritized)
    await teller.create('Q', 'n')
    const inbox = teller.listen('q')
    const noWait = { no_wait: true }
    for (const [name, body] of [
      ['o', noWait],
      ['o', { ...noWait, group: 'B' }],
      ['o', { ...noWait, group: 'A' }],
      ['o', { ...noWait, group: 'A', id: 'x' }],
      ['o', { ...noWait, group: 'A', min_pending: 5, min_ack_pending: 5 }],
      ['p', { ...noWait, group: 'A', min_pending: 5 }],
      ['p', { ...noWait, group: 'A', min_ack_pending: 5 }],
      ['p', { ...noWait, group: 'A', id: 'x' }],
      ['p', { ...noWait, group: 'A', priority: 9 }],
      ['z', { ...noWait, group: 'A', priority: 10 }],
      ['z', { ...noWait, group: 'A', priority: -1 }],
      ['z', { ...noWait, group: 'A', priority: 0 }],
      ['n', { ...noWait, group: 'A' }],
      ['n', { ...noWait, min_pending: 1 }],
      ['n', { ...noWait, id: 'x' }],
      ['n', { ...noWait, priority: 11 }],
      ['o', { ...noWait, group: 7 }],
      ['o', { ...noWait, min_pending: '1' }],
    ] as const) {
      teller.pull('Q', name, inbox, body)
      await inbox.take(1)
    }
    inbox.close()
  })

  it('let overflow help once enough is left', async teller => {
    await filled(teller, 'O', 5)
    await teller.create('O', 'c', overflow)
    const [help, main] = [teller.listen('help'), teller.listen('main')]
    teller.pull('O', 'c', help, { batch: 3, expires: 5000 * msNs, group: 'A', min_pending: 4 })
    await help.rest()
    teller.pull('O', 'c', main, { batch: 1, expires: 5000 * msNs, group: 'A' })
    await main.take(1)
    await help.rest()
    await teller.figures('O', 'c')
    await teller.store(['O.m', '6'], ['O.m', '7'])
    await help.rest()
    await teller.figures('O', 'c')
    help.close()
    main.close()
  })

  it('let overflow help once enough waits for acks', async teller => {
    await filled(teller, 'P', 4)
    await teller.create('P', 'c', overflow)
    const [help, main] = [teller.listen('help2'), teller.listen('main2')]
    const helping = { group: 'A', min_ack_pending: 2 }
    teller.pull('P', 'c', help, { batch: 2, expires: 5000 * msNs, ...helping })
    await help.rest()
    teller.pull('P', 'c', main, { batch: 1, expires: 5000 * msNs, group: 'A' })
    await main.take(1)
    await help.rest()
    teller.pull('P', 'c', main, { batch: 1, expires: 5000 * msNs, group: 'A' })
    await main.take(1)
    await help.rest()
    help.close()
    main.close()
  })

  it('serve who asks with the lower number first', async teller => {
    await filled(teller, 'Z', 0)
    await teller.create('Z', 'c', prioritized)
    const inboxes = ['z5', 'z1', 'z1b', 'z0'].map(subject => teller.listen(subject))
    const [five, one, other, zero] = inboxes as [StoryInbox, StoryInbox, StoryInbox, StoryInbox]
    const ask = async (inbox: StoryInbox, priority: number, batch: number) => {
      teller.pull('Z', 'c', inbox, { batch, expires: 4000 * msNs, group: 'A', priority })
      await teller.nc.flush()
    }
    await ask(five, 5, 2)
    await ask(one, 1, 2)
    await ask(other, 1, 2)
    await teller.store(['Z.m', '1'], ['Z.m', '2'], ['Z.m', '3'])
    await ask(zero, 0, 1)
    await teller.store(['Z.m', '4'], ['Z.m', '5'], ['Z.m', '6'], ['Z.m', '7'])
    for (const inbox of inboxes) await inbox.rest()
    for (const inbox of inboxes) inbox.close()
  })

  it('pin one client, and tell the others', async teller => {
    await filled(teller, 'N', 6)
    const told = advisories(teller, 'N')
    await teller.create('N', 'c', pinned)
    await told.take(1)
    const [a, b] = [teller.listen('pa'), teller.listen('pb')]
    const waits = { expires: 5000 * msNs, group: 'A' }
    teller.note(await groups(teller, 'N', 'c'))
    teller.pull('N', 'c', a, { batch: 1, ...waits })
    const id = pinOf(await a.take(1))
    await told.take(1)
    teller.note(await groups(teller, 'N', 'c'))
    teller.pull('N', 'c', b, { batch: 2, ...waits })
    await b.rest()
    teller.pull('N', 'c', b, { batch: 2, ...waits, id: 'other' })
    await b.take(1)
    teller.pull('N', 'c', a, { batch: 2, ...waits, id })
    await a.take(2)
    await teller.api('CONSUMER.UNPIN.N.c', { group: 'A' })
    await told.take(2)
    await b.take(2)
    teller.pull('N', 'c', a, { batch: 2, ...waits, id })
    await a.take(1)
    teller.pull('N', 'c', a, '1')
    await a.rest()
    told.close()
    a.close()
    b.close()
  })

  it('take the pin from who is silent for too long', async teller => {
    await filled(teller, 'T', 3)
    await teller.create('T', 'c', { ...pinned, priority_timeout: 300 * msNs })
    const told = advisories(teller, 'T')
    const [a, b] = [teller.listen('ta'), teller.listen('tb')]
    const waits = { expires: 5000 * msNs, group: 'A' }
    teller.pull('T', 'c', a, { batch: 1, ...waits })
    const id = pinOf(await a.take(1))
    teller.pull('T', 'c', b, { batch: 1, ...waits })
    await told.take(3)
    await b.take(1)
    teller.pull('T', 'c', a, { batch: 1, ...waits, id })
    await a.take(1)
    told.close()
    a.close()
    b.close()
  })

  it('tell who waits with a pin that is no more', async teller => {
    await filled(teller, 'W', 1)
    await teller.create('W', 'c', pinned)
    const a = teller.listen('wa')
    const waits = { expires: 5000 * msNs, group: 'A' }
    teller.pull('W', 'c', a, { batch: 1, ...waits })
    const id = pinOf(await a.take(1))
    teller.pull('W', 'c', a, { batch: 3, max_bytes: 1000, ...waits, id })
    await teller.nc.flush()
    await teller.api('CONSUMER.UNPIN.W.c', { group: 'A' })
    await teller.store(['W.m', '2'])
    await a.rest()
    teller.note(await groups(teller, 'W', 'c'))
    a.close()
  })

  it('are unpinned only with a name that is one', async teller => {
    await filled(teller, 'U', 0)
    await teller.create('U', 'c', pinned)
    await teller.create('U', 'n')
    for (const body of ['', '{', '[]', {}, { group: '' }, { group: 'a b' }, { group: 'B' }]) {
      const answer = await teller.ask('$JS.API.CONSUMER.UNPIN.U.c', body)
      teller.note(answer)
    }
    await teller.api('CONSUMER.UNPIN.U.n', { group: 'A' })
    await teller.api('CONSUMER.UNPIN.U.none', { group: 'A' })
    await teller.api('CONSUMER.UNPIN.NONE.c', { group: 'A' })
    await teller.api('CONSUMER.UNPIN.U.c', { group: 'A' })
  })
})

stories('paused consumers', it => {
  const until = (ms: number) => ({ pause_until: new Date(Date.now() + ms).toISOString() })
  /** What is left of a pause is different every time. */
  const shown = (answer: string): string => blotIds(answer)

  it('deliver nothing until the time has come', async teller => {
    await filled(teller, 'PA', 2)
    const told = advisories(teller, 'PA')
    await teller.create('PA', 'c')
    await told.take(1)
    const inbox = teller.listen('pause')
    teller.note(shown(await teller.ask('$JS.API.CONSUMER.PAUSE.PA.c', until(2500))))
    await told.take(1)
    teller.pull('PA', 'c', inbox, { batch: 2, expires: 20_000 * msNs, idle_heartbeat: 700 * msNs })
    teller.pull('PA', 'c', inbox, { batch: 2, no_wait: true })
    await inbox.take(3)
    const info = await teller.info('PA', 'c')
    teller.note(`${info.paused} ${Number(info.pause_remaining) > 0} ${info.num_waiting}`)
    await inbox.take(2)
    await told.take(1)
    teller.note(`${(await teller.info('PA', 'c')).paused}`)
    inbox.close()
    told.close()
  })

  it('go on when they are told to, and keep their pause through updates', async teller => {
    await filled(teller, 'PB', 1)
    const told = advisories(teller, 'PB')
    await teller.ask('$JS.API.CONSUMER.CREATE.PB.c', {
      stream_name: 'PB',
      config: { durable_name: 'c', ack_policy: 'explicit', ...until(600_000) },
    })
    await told.take(2)
    teller.note(shown(await teller.ask('$JS.API.CONSUMER.PAUSE.PB.c', until(60_000))))
    await told.take(1)
    const updated = await teller.ask('$JS.API.CONSUMER.CREATE.PB.c', {
      stream_name: 'PB',
      config: { durable_name: 'c', ack_policy: 'explicit', description: 'new' },
    })
    teller.note(shown(updated))
    await told.take(1)
    const inbox = teller.listen('resumed')
    teller.pull('PB', 'c', inbox)
    await inbox.rest()
    await teller.api('CONSUMER.PAUSE.PB.c')
    await told.take(1)
    // nats-server needs a nudge.
    teller.pull('PB', 'c', inbox)
    await inbox.take(1)
    await teller.api('CONSUMER.PAUSE.PB.c', { pause_until: '2001-01-01T00:00:00Z' })
    await told.take(1)
    await teller.api('CONSUMER.PAUSE.PB.c', 'nonsense')
    await teller.api('CONSUMER.PAUSE.PB.none')
    await teller.api('CONSUMER.PAUSE.NONE.c')
    await teller.api('CONSUMER.INFO.PB.c')
    inbox.close()
    told.close()
  })

  it('beat while they push nothing', async teller => {
    await filled(teller, 'PC', 1)
    const inbox = teller.listen('beat')
    await teller.ask('$JS.API.CONSUMER.CREATE.PC.c', {
      stream_name: 'PC',
      config: {
        durable_name: 'c',
        deliver_subject: 'beat',
        idle_heartbeat: 200 * msNs,
        ...until(900),
      },
    })
    await inbox.take(3)
    await sleep(600)
    const later = await inbox.rest()
    teller.lines.splice(-later.length - 1)
    teller.note(later.some(message => message.string() === '1') ? 'came' : 'did not come')
    inbox.close()
  })
})
