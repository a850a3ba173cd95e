import * as assert from 'uvu/assert'
import { type TelemetryOptions, telemetryRow } from '../../edge/telemetry/options.ts'
import { newSensors, type Sensors } from '../../edge/telemetry/sensors.ts'
import { Telemetry, sensorMsMax } from '../../edge/telemetry/telemetry.ts'
import { Account } from '../../src/account/account.ts'
import { FakeClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { newSubscription, payloadOf } from '../../src/broker/post.ts'
import { checkConfig } from '../../src/server/check.ts'
import { parseConfText } from '../../src/server/conf.ts'
import { spec } from '../support/spec.ts'

function check(text: string) {
  const parsed = parseConfText(text, { read: () => '', env: {} }, 'edge.conf')
  if (parsed.is !== 'parsed') throw new Error(parsed.problem.text)
  const { values, errors } = checkConfig(parsed.root, { telemetry: telemetryRow })
  return { options: values.telemetry, errors }
}

const settle = async (): Promise<void> => {
  for (let i = 0; i < 3; i++) await new Promise(resolve => setImmediate(resolve))
}

const still: Sensors = {
  cpu: async () => ({ load_percent: 1 }),
  memory: async () => ({ total_bytes: 2 }),
  temperature: async () => null,
  disk: async () => ({ path: '/' }),
  network: async () => [],
}

function bench(sensors: Partial<Sensors> = {}, text = 'interval: 10s') {
  const account = new Account('$G')
  const clock = new FakeClock(Date.UTC(2026, 10, 23))
  const heard: Record<string, unknown>[] = []
  const logged: string[] = []
  const deliver = (message: Parameters<typeof payloadOf>[0]): void => {
    heard.push({ subject: message.subject, ...JSON.parse(payloadOf(message).toString()) })
  }
  account.subscribe(newSubscription('>', { remote: false, deliver }))
  const telemetry = new Telemetry({
    options: check(`telemetry { ${text} }`).options as TelemetryOptions,
    server: 'edge.one two',
    account: () => account,
    log: { ...silentLog, warn: line => void logged.push(line) },
    clock,
    sensors: { ...still, ...sensors },
  })
  return { telemetry, clock, heard, logged }
}

spec('telemetry', it => {
  it('publishes what the sensors say at each interval', async () => {
    const { telemetry, clock, heard } = bench()
    await telemetry.start()
    clock.advance(9999)
    await settle()
    assert.is(heard.length, 0)
    clock.advance(1)
    await settle()
    assert.equal(heard, [
      {
        subject: 'telemetry.edge_one_two',
        time: '2026-11-23T00:00:10.000Z',
        server: 'edge.one two',
        uptime_s: 10,
        cpu: { load_percent: 1 },
        memory: { total_bytes: 2 },
        temperature: null,
        disk: { path: '/' },
        network: [],
      },
    ])
    clock.advance(10_000)
    await settle()
    assert.is(heard.length, 2)
    await telemetry.close()
    clock.advance(60_000)
    await settle()
    assert.is(heard.length, 2)
  })

  it('publishes only what is asked for', async () => {
    const { telemetry, clock, heard } = bench({}, 'interval: 1s, include: [cpu], subject: a.b')
    await telemetry.start()
    clock.advance(1000)
    await settle()
    assert.equal(Object.keys(heard[0] ?? {}), ['subject', 'time', 'server', 'uptime_s', 'cpu'])
    assert.is(heard[0]?.subject, 'a.b')
    await telemetry.close()
  })

  it('puts null for a sensor that fails, and says so once', async () => {
    const failing = { disk: async () => Promise.reject(new Error('ENOENT: no such disk')) }
    const { telemetry, clock, heard, logged } = bench(failing)
    await telemetry.start()
    for (let i = 0; i < 3; i++) {
      clock.advance(10_000)
      await settle()
    }
    assert.equal(
      heard.map(({ disk }) => disk),
      [null, null, null],
    )
    assert.equal(logged, ['Telemetry disk: ENOENT: no such disk'])
    assert.is(telemetry.failures, 3)
    await telemetry.close()
  })

  it('leaves out a sensor that hangs and does not ask it again', async () => {
    let asked = 0
    let answer: ((value: unknown) => void) | undefined
    const hanging = (): Promise<unknown> => {
      asked++
      return new Promise(resolve => {
        answer = resolve
      })
    }
    const { telemetry, clock, heard } = bench({ network: hanging })
    await telemetry.start()
    clock.advance(10_000)
    await settle()
    clock.advance(sensorMsMax - 1)
    await settle()
    assert.is(heard.length, 0)
    clock.advance(1)
    await settle()
    assert.equal([heard.length, heard[0]?.network], [1, null])
    clock.advance(10_000)
    await settle()
    assert.equal([heard.length, asked], [2, 1])
    answer?.([])
    await settle()
    clock.advance(5000)
    await settle()
    assert.is(asked, 2)
    answer?.(['eth0'])
    await settle()
    assert.equal(heard.at(-1)?.network, ['eth0'])
    await telemetry.close()
  })

  it('takes one sample at a time', async () => {
    const answers: ((value: unknown) => void)[] = []
    const slow = (): Promise<unknown> => new Promise(resolve => answers.push(resolve))
    const { telemetry, clock, heard } = bench({ cpu: slow }, 'interval: 1s')
    await telemetry.start()
    clock.advance(3000)
    await settle()
    assert.equal([answers.length, telemetry.skipped, heard.length], [1, 2, 0])
    answers[0]?.(1)
    await settle()
    assert.is(heard.length, 1)
    await telemetry.close()
  })

  it('says nothing after close, though a sample was under way', async () => {
    let answer: ((value: unknown) => void) | undefined
    const slow = (): Promise<unknown> => new Promise(resolve => (answer = resolve))
    const { telemetry, clock, heard } = bench({ cpu: slow })
    await telemetry.start()
    clock.advance(10_000)
    await telemetry.close()
    answer?.(1)
    await settle()
    assert.is(heard.length, 0)
  })

  it('refuses a wrong block at its place', () => {
    const errors = (text: string) => check(text).errors.map(problem => problem.text)
    assert.equal(errors('telemetry { subject: "a.>" }'), [
      'the telemetry subject must be a subject without wildcards',
    ])
    assert.equal(errors('telemetry { include: [cpu, gpu] }'), [
      'telemetry can include cpu, memory, temperature, disk, network',
    ])
    assert.is(errors('telemetry { interval: 999ms }').length, 1)
    assert.is(errors('telemetry { interval: 1s }').length, 0)
  })
})

spec('telemetry sensors', it => {
  it('measure this machine without holding the loop', async () => {
    const sensors = newSensors('/')
    const cpu = (await sensors.cpu()) as { load_percent: number; cores: number }
    assert.ok(cpu.load_percent >= 0 && cpu.load_percent <= 100 && cpu.cores > 0)
    const memory = (await sensors.memory()) as Record<string, number>
    assert.ok((memory.total_bytes ?? 0) > (memory.available_bytes ?? 0))
    const disk = (await sensors.disk()) as Record<string, number>
    assert.ok((disk.total_bytes ?? 0) > 0 && (disk.used_percent ?? -1) >= 0)
    const network = (await sensors.network()) as { name: string; rx_bytes: number }[]
    for (const one of network) assert.type(one.rx_bytes, 'number')
    const temperature = (await sensors.temperature()) as { cpu_celsius: number } | null
    if (temperature) assert.ok(temperature.cpu_celsius > -50 && temperature.cpu_celsius < 150)
  })

  it('say what is wrong with a path that is not there', async () => {
    let text = ''
    await newSensors('/no/such/path')
      .disk()
      .catch((error: Error) => {
        text = error.message
      })
    assert.match(text, 'ENOENT')
  })
})
