// The gateway on real pseudo-terminals (socat), with the real driver and the real clock.

import {
  closeSync,
  constants,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openDevice } from '../../edge/serial/device.ts'
import { SerialGateway } from '../../edge/serial/gateway.ts'
import type { SerialPortOptions } from '../../edge/serial/options.ts'
import { Account } from '../../src/account/account.ts'
import { realClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { post } from '../../src/broker/post.ts'
import { scratch } from '../support/directory.ts'
import { type Running, start } from '../support/process.ts'
import { spec } from '../support/spec.ts'
import { type Heard, listen, portOptions } from './fake.ts'

/** Two pseudo-terminals tied to each other: the gateway's and the sensor's. */
class Cable {
  readonly path: string
  readonly #far: string
  #socat: Running | null = null
  #fd = -1

  constructor() {
    const dir = scratch('serial')
    this.path = join(dir, 'port')
    this.#far = join(dir, 'sensor')
  }

  async plug(): Promise<void> {
    const ends = [this.path, this.#far].map(link => `PTY,link=${link},raw,echo=0`)
    this.#socat = await start('socat', ['-d', '-d', ...ends], 'starting data transfer loop')
    this.#fd = openSync(this.#far, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK)
  }

  async unplug(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#fd >= 0) closeSync(this.#fd)
    this.#fd = -1
    await this.#socat?.stop(signal)
    this.#socat = null
  }

  /** The sensor speaks. A full terminal is given time to be read. */
  async say(bytes: Buffer | string): Promise<void> {
    const data = Buffer.from(bytes)
    for (let at = 0; at < data.length; ) {
      try {
        at += writeSync(this.#fd, data, at, Math.min(1024, data.length - at))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
        await tick()
      }
    }
  }

  /** What the sensor hears, once it is so many bytes. */
  async hear(count: number): Promise<string> {
    const into = Buffer.alloc(count)
    for (let at = 0; at < count; ) {
      try {
        at += readSync(this.#fd, into, at, count - at, null)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
        await tick()
      }
    }
    return into.toString('latin1')
  }
}

const tick = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 2))

async function until(what: () => boolean): Promise<void> {
  while (!what()) await tick()
}

interface Rig {
  readonly cable: Cable
  readonly account: Account
  readonly gateway: SerialGateway
  readonly readings: Heard[]
  readonly states: () => string[]
}

async function withRig(
  more: Partial<SerialPortOptions>,
  plugged: boolean,
  run: (rig: Rig) => Promise<void>,
): Promise<void> {
  const cable = new Cable()
  if (plugged) await cable.plug()
  const account = new Account('$G')
  const readings = listen(account, 'serial.>')
  const statuses = listen(account, '$EDGE.serial.>')
  const quick = { reopen_delay: 20, reopen_delay_max: 50, output: 'raw' }
  const gateway = new SerialGateway({
    options: { ports: [portOptions({ path: cable.path, ...quick, ...more })] },
    account: () => account,
    log: silentLog,
    clock: realClock,
  })
  try {
    await gateway.start()
    await run({
      cable,
      account,
      gateway,
      readings,
      states: () => statuses.map(({ text }) => JSON.parse(text).state),
    })
  } finally {
    await gateway.close()
    await cable.unplug()
  }
}

const recorded = (name: string): Buffer => readFileSync(new URL(`./data/${name}`, import.meta.url))

spec('serial on a pseudo-terminal', it => {
  it('reads a GPS, every sentence once and in order', () =>
    withRig({}, true, async ({ cable, readings }) => {
      const wire = recorded('gps-gr601-w.log')
      const expected = wire.toString('latin1').split('\r\n').slice(0, -1)
      await cable.say(wire)
      await until(() => readings.length >= expected.length)
      assert.equal(
        readings.map(({ text }) => text),
        expected,
      )
    }))

  it('reads a smart-meter telegram as one JSON reading', async () => {
    const framing = { by: 'markers', start: Buffer.from('/'), end: Buffer.from('!') } as const
    const dsmr = { ...framing, tail: 'line', restart: true } as const
    const more = { framing: dsmr, output: 'json', data_bits: 7, parity: 'even', stop_bits: 2 }
    await withRig(more, true, async ({ cable, readings }) => {
      const telegram = recorded('p1-dsmr-5.0-ene-1.txt').toString().replace(/\r?\n/g, '\r\n')
      const before = Date.now()
      await cable.say(`rest of another\r\n!0000\r\n${telegram}\r\n`)
      await until(() => readings.length > 0)
      const reading = JSON.parse(readings[0]?.text ?? '')
      assert.is(reading.data, telegram)
      assert.ok(Date.parse(reading.time) >= before && Date.parse(reading.time) <= Date.now())
    })
  })

  it('writes what comes on the write subject', () =>
    withRig({ write_subject: 'to.{port}' }, true, async ({ cable, account }) => {
      const answers = listen(account, 'answer')
      const payload = Buffer.from([0, 13, 10, 3, 17, 19, 26, 255])
      const origin = { kind: 'client', sink: null, echo: true, permissions: null } as const
      post(account, origin, { subject: 'to.gps', reply: 'answer', payload })
      assert.is(await cable.hear(8), payload.toString('latin1'))
      await until(() => answers.length > 0)
      assert.is(answers[0]?.text, '+OK')
    }))

  it('moves more bytes than the terminal holds, both ways at once', () =>
    withRig({ write_subject: 'to.gps' }, true, async ({ cable, account, readings }) => {
      const text = 'x'.repeat(60_000)
      const origin = { kind: 'client', sink: null, echo: true, permissions: null } as const
      post(account, origin, { subject: 'to.gps', payload: Buffer.from(text) })
      const lines = Array.from({ length: 5000 }, (_, i) => `line ${i}`)
      const [heard] = await Promise.all([cable.hear(60_000), cable.say(`${lines.join('\n')}\n`)])
      assert.is(heard, text)
      await until(() => readings.length >= 5000)
      assert.equal(
        readings.map(reading => reading.text),
        lines,
      )
    }))

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`comes back after an unplug that leaves ${signal === 'SIGTERM' ? 'nothing' : 'a dead link'}`, () =>
      withRig({}, true, async ({ cable, readings, states, gateway }) => {
        await cable.say('one\nhalf')
        await until(() => readings.length === 1)
        await cable.unplug(signal)
        await until(() => states().length === 2)
        await cable.plug()
        await until(() => states().length === 3)
        await cable.say('two\n')
        await until(() => readings.length === 2)
        assert.equal(
          readings.map(({ text }) => text),
          ['one', 'two'],
        )
        assert.equal(states(), ['open', 'lost', 'open'])
        const [port] = (gateway.view() as { ports: { opened: number; state: string }[] }).ports
        assert.equal([port?.opened, port?.state], [2, 'open'])
      }))
  }

  it('starts without the port and reads once it is there', () =>
    withRig({}, false, async ({ cable, readings, states }) => {
      assert.equal(states(), ['missing'])
      await cable.plug()
      await until(() => states().length === 2)
      await cable.say('hello\n')
      await until(() => readings.length === 1)
      assert.equal(states(), ['missing', 'open'])
    }))

  it('says who has the port when another program locks it', () =>
    withRig({}, true, async ({ cable }) => {
      const line = { baud: 9600, dataBits: 8, stopBits: 1, parity: 'none', flowControl: 'none' }
      const second = await openDevice({ path: cable.path, ...line })
      assert.equal(second, { is: 'locked', error: `${cable.path} is in use by another program` })
    }))

  it('refuses what is no serial device, and leaves no descriptor behind', async () => {
    const line = { baud: 9600, dataBits: 8, stopBits: 1, parity: 'none', flowControl: 'none' }
    const path = join(scratch('serial'), 'nothing')
    const before = descriptors()
    for (let i = 0; i < 5; i++) {
      assert.is((await openDevice({ path: import.meta.filename, ...line })).is, 'failed')
      assert.is((await openDevice({ path: '/dev/null', ...line })).is, 'failed')
      assert.is((await openDevice({ path, ...line })).is, 'missing')
      assert.is((await openDevice({ path: '/proc/1/mem/x', ...line })).is, 'missing')
    }
    assert.is(descriptors(), before)
  })

  it('stays alive under garbage, and serves others meanwhile', () =>
    withRig({ frame_bytes_max: 64 }, true, async ({ cable, readings, gateway }) => {
      const noise = Buffer.alloc(200_000)
      for (let i = 0; i < noise.length; i++) noise[i] = (i * 7919 + (i >> 3) * 31) & 0xff
      let turns = 0
      const timer = setInterval(() => turns++, 1)
      try {
        await cable.say(noise)
        await cable.say('\nalive\n')
        await until(() => readings.some(({ text }) => text === 'alive'))
      } finally {
        clearInterval(timer)
      }
      assert.ok(turns > 10)
      const [port] = (gateway.view() as { ports: { bytes: number; oversize: number }[] }).ports
      assert.is(port?.bytes, noise.length + 7)
      assert.ok((port?.oversize ?? 0) > 0)
    }))
})

/** Open descriptors of this process. */
function descriptors(): number {
  let count = 0
  for (let fd = 0; fd < 256; fd++) {
    try {
      statSync(`/proc/self/fd/${fd}`)
      count++
    } catch {
      // Not open.
    }
  }
  return count
}
