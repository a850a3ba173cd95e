// The ack policy flow_control (2.14, ADR-60): answers to flow control requests acknowledge; and
// how sources and mirrors of hubs use it on work-queue and interest streams. Beside nats-server.

import * as assert from 'uvu/assert'
import type { Msg } from '@nats-io/transport-node'
import { type StoryInbox, type Teller, sleep, stories } from './consumer-story.ts'

const flow = { ack_policy: 'flow_control', deliver_subject: 'd' }
const secondNs = 1_000_000_000

/** Takes messages until one asks for an answer. */
async function question(inbox: StoryInbox): Promise<Msg> {
  for (;;) {
    const [message] = await inbox.take(1)
    if (!message) throw new Error('nothing was asked')
    if (message.reply?.startsWith('$JS.FC.')) return message
  }
}

function answer(teller: Teller, to: Msg, consumerSeq: number, streamSeq: number): void {
  teller.say(to.reply as string, '', {
    'Nats-Last-Consumer': `${consumerSeq}`,
    'Nats-Last-Stream': `${streamSeq}`,
  })
}

const feed = (config: object = {}): Record<string, unknown> => ({
  name: 'JS_SRC_abc',
  deliver_subject: 'feed',
  deliver_policy: 'by_start_sequence',
  opt_start_seq: 1,
  ack_policy: 'none',
  ack_wait: 22 * 3600 * secondNs,
  max_deliver: 1,
  idle_heartbeat: secondNs,
  flow_control: true,
  direct: true,
  sourcing: true,
  inactive_threshold: 10 * secondNs,
  ...config,
})

stories('acknowledging by flow control', it => {
  it('is refused where it cannot work', async teller => {
    await teller.stream('R', { subjects: ['r.>'] })
    const refused = (config: object, more = {}) =>
      teller.create('R', 'c', { ...flow, ...config }, more)
    await refused({ deliver_subject: '' })
    await refused({ max_ack_pending: -1 })
    await refused({ ack_wait: secondNs })
    await refused({ backoff: [secondNs], max_deliver: 3 })
    await refused({ max_deliver: 5 })
    await refused({ idle_heartbeat: 5 * secondNs })
    await refused({}, { pedantic: true })
    await refused({ flow_control: true }, { pedantic: true })
    await refused({ flow_control: true, idle_heartbeat: secondNs }, { pedantic: true })
    await teller.create('R', 'x', { direct: true, ...flow })
    await teller.create('R', 'c', { ...flow, ack_policy: 'all' })
  })

  it('asks when max_ack_pending is reached, and goes on with the answer', async teller => {
    await teller.stream('P', { subjects: ['p.>'] })
    await teller.store(['p.1', 'a'], ['p.2', 'b'], ['p.3', 'c'])
    await teller.create('P', 'c', { ...flow, deliver_subject: 'dp', max_ack_pending: 2 })
    const inbox = teller.listen('dp')
    const asked = await question(inbox)
    await teller.figures('P', 'c')
    answer(teller, asked, 2, 2)
    await inbox.take(1)
    await teller.figures('P', 'c')
    const again = await question(inbox)
    answer(teller, again, 3, 3)
    await teller.nc.flush()
    await teller.figures('P', 'c')
    inbox.close()
  })

  it('takes no acks of single messages, nor what was not asked for', async teller => {
    await teller.stream('N', { subjects: ['n.>'] })
    await teller.store(['n.1', 'a'], ['n.2', 'b'])
    await teller.create('N', 'c', { ...flow, deliver_subject: 'dn', max_ack_pending: 2 })
    const inbox = teller.listen('dn')
    const [first] = await inbox.take(1)
    teller.note(await teller.ask(first?.reply as string, '+ACK'))
    const asked = await question(inbox)
    teller.say('$JS.FC.N.c.none', '', { 'Nats-Last-Consumer': '2', 'Nats-Last-Stream': '2' })
    await teller.figures('N', 'c')
    answer(teller, asked, 0, 2)
    await teller.figures('N', 'c')
    inbox.close()
  })

  it('removes what is acknowledged from a work queue', async teller => {
    await teller.stream('Q', { subjects: ['q.>'], retention: 'workqueue' })
    await teller.store(['q.1', 'a'], ['q.2', 'b'], ['q.3', 'c'])
    await teller.create('Q', 'c', { ...flow, deliver_subject: 'dq' })
    const inbox = teller.listen('dq')
    const asked = await question(inbox)
    answer(teller, asked, 2, 2)
    await teller.nc.flush()
    await sleep(50)
    const info = await teller.nc.request('$JS.API.STREAM.INFO.Q')
    const { state } = info.json<{ state: Record<string, number> }>()
    teller.note(`${state.messages} from ${state.first_seq}`)
    await teller.figures('Q', 'c')
    inbox.close()
  })

  it("makes a hub's source durable on a work queue, and begins again when it asks", async teller => {
    await teller.stream('W', { subjects: ['w.>'], retention: 'workqueue' })
    await teller.store(['w.1', 'a'], ['w.2', 'b'], ['w.3', 'c'])
    const ask = (config: object = {}) =>
      teller.api('CONSUMER.CREATE.W', { stream_name: 'W', config: feed(config), action: '' })
    await ask()
    const inbox = teller.listen('feed')
    const asked = await question(inbox)
    answer(teller, asked, 1, 1)
    await teller.nc.flush()
    await teller.figures('W', 'JS_SRC_abc')
    inbox.close()
    await teller.nc.flush()
    // nats-server takes a moment to see that nobody listens.
    await sleep(200)
    await ask({ deliver_subject: 'feed2', opt_start_seq: 99 })
    const other = teller.listen('feed2')
    await other.take(2)
    await teller.figures('W', 'JS_SRC_abc')
    await teller.create('W', 'mine')
    await teller.api('CONSUMER.NAMES.W')
    other.close()
  })

  it("gives a hub's source of a stream with limits a consumer of its own each time", async teller => {
    await teller.stream('L', { subjects: ['l.>'], max_consumers: 1 })
    for (let i = 0; i < 2; i++) {
      const body = { stream_name: 'L', config: feed(), action: '' }
      const response = await teller.nc.request('$JS.API.CONSUMER.CREATE.L', JSON.stringify(body))
      const { name, config } = response.json<{ name: string; config: { ack_policy: string } }>()
      assert.match(name, /^JS_SRC_abc-\w{8}$/)
      teller.note(config.ack_policy)
    }
    await teller.create('L', 'c')
    await teller.api('CONSUMER.NAMES.L')
  })

  it('begins again with a reset', async teller => {
    await teller.stream('B', { subjects: ['b.>'] })
    for (let i = 1; i <= 5; i++) await teller.store([`b.${i}`, `${i}`])
    const created = await teller.create('B', 'c', { filter_subject: 'b.*' })
    assert.match(created, /"name":"c"/)
    const inbox = teller.listen('ib')
    teller.pull('B', 'c', inbox, { batch: 3, expires: secondNs })
    const got = await inbox.take(3)
    teller.nc.publish(got[0]?.reply as string, '+ACK')
    await teller.nc.flush()
    await teller.figures('B', 'c')
    await teller.api('CONSUMER.RESET.B.c')
    teller.pull('B', 'c', inbox, { batch: 2, expires: secondNs })
    await inbox.take(2)
    await teller.api('CONSUMER.RESET.B.c', { seq: 5 })
    await teller.api('CONSUMER.RESET.B.c', { seq: 1 })
    await teller.api('CONSUMER.RESET.B.c', { seq: 100 })
    await teller.api('CONSUMER.RESET.B.none')
    const by = (name: string, config: Record<string, unknown>) => teller.create('B', name, config)
    await by('s', { deliver_policy: 'by_start_sequence', opt_start_seq: 3 })
    await teller.api('CONSUMER.RESET.B.s', { seq: 2 })
    await teller.api('CONSUMER.RESET.B.s', { seq: 4 })
    await by('t', { deliver_policy: 'by_start_time', opt_start_time: '2020-01-01T00:00:00Z' })
    await teller.api('CONSUMER.RESET.B.t', { seq: 1 })
    await by('u', { deliver_policy: 'by_start_time', opt_start_time: '2120-01-01T00:00:00Z' })
    await teller.api('CONSUMER.RESET.B.u', { seq: 1 })
    await by('l', { deliver_policy: 'last' })
    await teller.api('CONSUMER.RESET.B.l', { seq: 1 })
    await teller.api('CONSUMER.RESET.B.l')
    inbox.close()
  })
})
