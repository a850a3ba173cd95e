// A disk that is really full (a small tmpfs): publishes are refused with the API's own errors, reads
// and acknowledgements go on, a purge brings the room back, and nothing acknowledged is lost, not
// by a kill -9 and a start on the full disk either.

import { connect, connectAsync } from 'mqtt'
import * as assert from 'uvu/assert'
import { type Edge, startEdge } from '../support/edge.ts'
import { type SmallDisk, smallDisk } from '../support/small-disk.ts'
import { spec } from '../support/spec.ts'
import { dialClient, type Talk } from '../support/talk.ts'

const diskBytes = 32 * 1024 * 1024
const payloadBytes = 64 * 1024
/** More than fits. */
const publishMax = 2 * (diskBytes / payloadBytes)
/** A sick store tries again once a second. */
const healMsMax = 20_000
const ackMsMax = 2000
const replyMsMax = 20_000
/** So long a device waits for what should not be answered. */
const refusedMs = 2500
const ackTriesMax = 10
/** No room (10023, 10047), or the disk's own words (10077, 10173 and their like). */
const refusals = /"err_code":(10023|10047|10077),/

async function startOn(disk: SmallDisk): Promise<Edge> {
  return startEdge({
    wrap: disk.wrap,
    mqtt: true,
    conf: `jetstream { store_dir: "${disk.dir}/store", max_file_store: 1GB }`,
  })
}

async function ask(talk: Talk, subject: string, payload = '', msMax = 5000): Promise<string> {
  talk.send(`PUB ${subject} in.x ${payload.length}\r\n${payload}\r\n`)
  return talk.expect(/^(?:PING\r\n)*H?MSG in\.x 1 [^\n]*\r\n[\s\S]*\r\n$/, msMax)
}

/** Publishes until nothing more is taken; returns how many were acknowledged. */
async function fill(talk: Talk): Promise<number> {
  const payload = 'x'.repeat(payloadBytes)
  let acknowledged = 0
  let refusedInRow = 0
  for (let i = 0; i < publishMax && refusedInRow < 20; i++) {
    const answer = await ask(talk, 's.big', payload, 10_000)
    if (answer.includes('"error":')) {
      assert.match(answer, refusals)
      refusedInRow++
    } else {
      acknowledged++
      refusedInRow = 0
    }
  }
  assert.ok(refusedInRow > 0, 'the disk was never full')
  return acknowledged
}

async function count(talk: Talk): Promise<number> {
  return Number(/"messages":(\d+)/.exec(await ask(talk, '$JS.API.STREAM.INFO.S'))?.[1])
}

/** Asks again and again until the answer is no error. */
async function healed(talk: Talk, subject: string, payload: string): Promise<void> {
  const startedMs = performance.now()
  for (;;) {
    const answer = await ask(talk, subject, payload, 10_000)
    if (!answer.includes('"error":')) return
    assert.ok(performance.now() - startedMs < healMsMax, `still refused: ${answer}`)
    await new Promise(resolve => setTimeout(resolve, 200))
  }
}

/** While the store finds out that it is full an ack gets no answer: as clients do, once more. */
async function acked(talk: Talk, subject: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    talk.send(`PUB ${subject} in.ack 4\r\n+ACK\r\n`)
    try {
      await talk.expect(/^(?:PING\r\n)*MSG in\.ack 2 0\r\n\r\n/, ackMsMax)
      return
    } catch (error) {
      if (tries === ackTriesMax) throw error
    }
  }
}

async function open(edge: Edge): Promise<Talk> {
  const talk = await dialClient(edge.port)
  talk.send('SUB in.x 1\r\nSUB in.ack 2\r\n')
  await talk.sync()
  return talk
}

spec('full disk', it => {
  it('refuses publishes, goes on reading and taking acks, heals with a purge', async () => {
    const disk = await smallDisk(diskBytes)
    const edge = await startOn(disk)
    try {
      let talk = await open(edge)
      const config = '{"name":"S","subjects":["s.*"],"allow_direct":true}'
      await ask(talk, '$JS.API.STREAM.CREATE.S', config)
      const consumer = '{"stream_name":"S","config":{"durable_name":"c","ack_policy":"explicit"}}'
      await ask(talk, '$JS.API.CONSUMER.DURABLE.CREATE.S.c', consumer)
      await ask(talk, 's.small', 'one')
      await ask(talk, 's.small', 'two')
      const acknowledged = 2 + (await fill(talk))
      assert.is(await count(talk), acknowledged)

      // Reads, deliveries and answered acks do not need room.
      assert.match(await ask(talk, '$JS.API.DIRECT.GET.S', '{"seq":1}'), /\r\n\r\none\r\n$/)
      talk.send('PUB $JS.API.CONSUMER.MSG.NEXT.S.c in.x 1\r\n1\r\n')
      const got = await talk.expect(/^MSG s\.small 1 (\S+) 3\r\none\r\n/)
      await acked(talk, /(\$JS\.ACK\S+)/.exec(got)?.[1] ?? '')
      talk.send('SUB core 3\r\nPUB core 2\r\nhi\r\n')
      await talk.expect('MSG core 3 2\r\nhi\r\n')

      // A kill on a full disk, and a start on it.
      talk.close()
      await edge.restart('SIGKILL')
      talk = await open(edge)
      assert.is(await count(talk), acknowledged)
      assert.match(
        await ask(talk, '$JS.API.CONSUMER.INFO.S.c'),
        /"ack_floor":\{[^}]*"stream_seq":1[,}]/,
      )

      await healed(talk, '$JS.API.STREAM.PURGE.S', '{"keep":1}')
      assert.is(await count(talk), 1)
      for (let i = 0; i < 20; i++) await healed(talk, 's.big', 'x'.repeat(payloadBytes))
      assert.is(await count(talk), 21)
      talk.close()
    } finally {
      await edge.stop()
      await disk.close()
    }
  }, 120_000)

  it('is emptied by a deletion; devices are told nothing that does not hold', async () => {
    const disk = await smallDisk(diskBytes)
    const edge = await startOn(disk)
    try {
      const talk = await open(edge)
      await ask(talk, '$JS.API.STREAM.CREATE.S', '{"name":"S","subjects":["s.*"]}')
      const url = `mqtt://127.0.0.1:${edge.mqttPort}`
      const keeper = { clientId: 'keeper', clean: false, reconnectPeriod: 0 }
      const absent = await connectAsync(url, keeper)
      await absent.subscribeAsync('q/#', { qos: 1 })
      await absent.endAsync()
      const told: string[] = []
      const device = async (payload: string, msMax: number): Promise<void> => {
        const client = await connectAsync(url, { reconnectPeriod: 0, connectTimeout: msMax })
        client.on('error', () => {})
        let timer: NodeJS.Timeout | undefined
        const late = new Promise<null>(resolve => {
          timer = setTimeout(() => resolve(null), msMax)
        })
        const answer = client.publishAsync('q/1', payload, { qos: 1 }).then(
          () => told.push(payload),
          () => null,
        )
        await Promise.race([answer, late])
        clearTimeout(timer)
        client.end(true)
      }
      await device('before', replyMsMax)
      await fill(talk)
      await device('x'.repeat(payloadBytes), refusedMs)
      await healed(talk, '$JS.API.STREAM.DELETE.S', '')
      await healed(talk, '$JS.API.STREAM.CREATE.S', '{"name":"S","subjects":["s.*"]}')
      await healed(talk, 's.big', 'x'.repeat(payloadBytes))
      await device('after', replyMsMax)
      assert.equal(
        told.filter(payload => payload.length < payloadBytes),
        ['before', 'after'],
      )
      const back = connect(url, keeper)
      const came: string[] = []
      await new Promise<void>(resolve =>
        back.on('message', (_, payload) => {
          came.push(payload.toString())
          if (came.at(-1) === 'after') resolve()
        }),
      )
      for (const payload of told)
        assert.ok(came.includes(payload), `${payload.slice(0, 9)} is lost`)
      await back.endAsync()
      talk.close()
    } finally {
      await edge.stop()
      await disk.close()
    }
  }, 120_000)
})
