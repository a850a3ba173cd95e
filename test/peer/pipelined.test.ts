// Thousands of publishes in one write, each of which builds upon the one before it: what is not on
// disk yet counts. The same bytes for nats-server and for us, and the same answers.

import { connect, type Socket } from 'node:net'
import * as assert from 'uvu/assert'
import { type Broker, startBroker } from '../store/broker.ts'
import { type Hub, startHub } from '../support/hub.ts'
import { spec } from '../support/spec.ts'

const count = 4096

type Head = Readonly<Record<string, string | number>>

function hpub(subject: string, reply: string, head: Head, body = ''): string {
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`)
  const block = `NATS/1.0\r\n${lines.join('')}\r\n`
  return `HPUB ${subject} ${reply} ${block.length} ${block.length + body.length}\r\n${block}${body}\r\n`
}

/** A raw client that only collects what comes. */
class Writer {
  readonly #socket: Socket
  #text = ''
  #look: () => void = () => {}

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.on('data', chunk => {
      this.#text += chunk.toString('latin1')
      this.#look()
    })
    const fields = '{"verbose":false,"headers":true,"no_responders":true}'
    this.#socket.write(`CONNECT ${fields}\r\nSUB _R.> 1\r\nSUB _A 2\r\n`)
  }

  /** In one write; what came, up to the PONG after so many messages. */
  async send(text: string, expected: number): Promise<string> {
    this.#text = ''
    const until = (isReached: () => boolean): Promise<void> =>
      new Promise(resolve => {
        this.#look = () => {
          if (isReached()) resolve()
        }
      })
    const answered = until(() => this.#text.split('MSG _').length > expected)
    this.#socket.write(Buffer.from(text, 'latin1'))
    await answered
    // The last one may not be whole yet.
    const whole = until(() => this.#text.endsWith('PONG\r\n'))
    this.#socket.write('PING\r\n')
    await whole
    return this.#text.slice(0, -'PONG\r\n'.length)
  }

  close(): void {
    this.#socket.destroy()
  }
}

async function create(writer: Writer, name: string, config: object = {}): Promise<void> {
  const body = JSON.stringify({ name, subjects: [`${name}.>`], ...config })
  const said = await writer.send(
    `PUB $JS.API.STREAM.CREATE.${name} _A ${body.length}\r\n${body}\r\n`,
    1,
  )
  assert.not.match(said, '"error"')
}

/** Sends it all in one write; the answers by their replies, when so many have come. */
async function answers(
  writer: Writer,
  sent: readonly string[],
  expected: number,
): Promise<string[]> {
  const text = await writer.send(sent.join(''), expected)
  return text
    .split('MSG _R.')
    .slice(1)
    .map(line =>
      line
        .replace(/ 1 \d+\r\n/, ' ')

        .trimEnd(),
    )
}

type Say = (writer: Writer) => Promise<readonly string[]>

/** A stream, a head for each of many messages on subjects, and how often the answer is no. */
const chain =
  (
    name: string,
    config: object,
    subjectOf: (i: number) => string,
    headOf: (i: number) => Head,
  ): Say =>
  async writer => {
    await create(writer, name, config)
    const sent = Array.from({ length: count }, (_, i) => {
      return hpub(`${name}.${subjectOf(i)}`, `_R.${i}`, headOf(i))
    })
    return answers(writer, sent, count)
  }

const seqs = Array.from({ length: count }, (_, i) => i + 1)

spec('publishes in one write', (it, hooks) => {
  let hub: Hub
  let broker: Broker
  hooks.before(async () => {
    hub = await startHub({ jetstream: true })
    broker = await startBroker()
  })
  hooks.after(async () => {
    await broker.close()
    await hub.stop()
  })

  async function both(say: Say): Promise<readonly string[]> {
    const heard: (readonly string[])[] = []
    for (const { url } of [hub, broker]) {
      const writer = new Writer(Number(url.split(':').at(-1)))
      heard.push([...(await say(writer))].sort())
      writer.close()
    }
    const [theirs = [], ours = []] = heard
    const at = ours.findIndex((line, i) => line !== theirs[i])
    if (at >= 0) assert.equal(ours.slice(at, at + 5), theirs.slice(at, at + 5))
    assert.is(ours.length, theirs.length)
    return ours
  }

  it('the last sequence of the stream is the one before', async () => {
    const said = await both(
      chain(
        'LAST',
        {},
        () => 'a',
        i => ({ 'Nats-Expected-Last-Sequence': i }),
      ),
    )
    assert.equal(said, seqs.map(seq => `${seq - 1} {"stream":"LAST","seq":${seq}}`).sort())
  })

  it('the last sequence of the subject, among eight', async () => {
    const said = await both(
      chain(
        'SUBJECT',
        {},
        i => `k${i % 8}`,
        i => ({ 'Nats-Expected-Last-Subject-Sequence': Math.max(0, i + 1 - 8) }),
      ),
    )
    assert.ok(said.every(line => !line.includes('error')))
  })

  it('one of many writers wins each time', async () => {
    const said = await both(
      chain(
        'RACE',
        { max_msgs_per_subject: 1 },
        () => 'a',
        // Four ask for the same: the first has it.
        i => ({ 'Nats-Expected-Last-Subject-Sequence': Math.floor(i / 4) }),
      ),
    )
    assert.is(said.filter(line => !line.includes('error')).length, count / 4)
  })

  it('an id comes twice', async () => {
    const said = await both(
      chain(
        'IDS',
        {},
        i => `k${i % 3}`,
        i => ({ 'Nats-Msg-Id': Math.floor(i / 2) }),
      ),
    )
    assert.is(said.filter(line => line.includes('duplicate')).length, count / 2)
  })

  it('the last message id is the one before', async () => {
    const said = await both(
      chain(
        'LASTID',
        {},
        () => 'a',
        i => ({
          'Nats-Msg-Id': i,
          ...(i > 0 && { 'Nats-Expected-Last-Msg-Id': i - 1 }),
        }),
      ),
    )
    assert.ok(said.every(line => !line.includes('error')))
  })

  it('counters count', async () => {
    const said = await both(
      chain(
        'COUNT',
        { allow_msg_counter: true },
        i => `c${i % 2}`,
        () => ({ 'Nats-Incr': '+1' }),
      ),
    )
    assert.ok(said.includes(`${count - 1} {"stream":"COUNT","seq":${count},"val":"${count / 2}"}`))
  })

  it('roll-ups leave one of each', async () => {
    const said = await both(
      chain(
        'ROLL',
        { allow_rollup_hdrs: true },
        i => `k${i % 5}`,
        i => ({
          'Nats-Rollup': 'sub',
          'Nats-Expected-Last-Subject-Sequence': Math.max(0, i + 1 - 5),
        }),
      ),
    )
    assert.ok(said.every(line => !line.includes('error')))
  })

  it('atomic batches, one within another', async () => {
    await both(async writer => {
      await create(writer, 'ATOMIC', { allow_atomic: true })
      const [batches, parts] = [40, 100]
      const sent: string[] = []
      for (let seq = 1; seq <= parts; seq++) {
        for (let batch = 0; batch < batches; batch++) {
          const head = {
            'Nats-Batch-Id': `b${batch}`,
            'Nats-Batch-Sequence': seq,
            ...(seq === 1 && { 'Nats-Expected-Last-Sequence': batch * parts }),
            ...(seq === parts && { 'Nats-Batch-Commit': '1' }),
          }
          const reply = seq === parts ? `_R.${batch}` : ''
          sent.push(hpub(`ATOMIC.${seq % 7}`, reply, head, `${batch}`).replace('  ', ' '))
        }
      }
      const said = await answers(writer, sent, batches)
      assert.ok(said.every(line => line.includes('"count":100')))
      return said
    })
  })

  it('a fast batch whose client waits for nothing', async () => {
    await both(async writer => {
      await create(writer, 'FAST', { allow_batched: true })
      const sent = seqs.map(seq => {
        const operation = seq === 1 ? 0 : seq === count ? 2 : 1
        const reply = `_R.b.500.fail.${seq}.${operation}.$FI`
        return hpub('FAST.a', reply, { 'Nats-Expected-Last-Sequence': seq - 1 }, 'x')
      })
      // One to begin with, one for every 500 messages, and the end.
      return answers(writer, sent, 2 + Math.floor((count - 1) / 500))
    })
  })
})
