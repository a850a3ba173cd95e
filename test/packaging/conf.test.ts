// The configs we ship: valid, and the gateway's one really runs, without root and hardware.

import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { edgeBlock } from '../../edge/options.ts'
import { checkConfig, formatProblem } from '../../src/server/check.ts'
import { parseConfText } from '../../src/server/conf.ts'
import { referenceConf, referencePath } from '../support/reference-conf.ts'
import { scratch } from '../support/directory.ts'
import { edgeMain } from '../support/edge.ts'
import { freePorts } from '../support/ports.ts'
import { run, start } from '../support/process.ts'
import { spec } from '../support/spec.ts'

const folder = fileURLToPath(new URL('../../conf/', import.meta.url))
const edge = (...args: string[]): [string, string[]] => [process.execPath, [edgeMain, ...args]]

/** The text with its examples in force: comment lines that end like config. */
function uncommented(name: string): string {
  return readFileSync(join(folder, name), 'utf8').replace(/^(\s*)#( .*[{}[\],])$/gm, '$1$2')
}

spec('shipped config', it => {
  for (const name of ['nats-edge.conf', 'docker.conf', 'reference.conf']) {
    it(`${name} is valid`, async () => {
      const said = await run(...edge('-c', join(folder, name), '-t'))
      assert.match(said, 'is valid')
      assert.not.match(said, /warning|error/i)
    })
  }

  it('shows every option of the table in reference.conf', () => {
    const text = readFileSync(referencePath, 'utf8')
    assert.is(text, referenceConf(), 'run: node test/support/reference-conf.ts --write')
  })

  it('has only options that are known in reference.conf, where they stand', () => {
    const text = readFileSync(referencePath, 'utf8')
    const inForce = text.replace(/^##.*$/gm, '').replace(/^#/gm, '')
    const parsed = parseConfText(inForce, { read: () => new Error('no files'), env: {} }, 'f')
    assert.ok(parsed.is === 'parsed', JSON.stringify(parsed))
    const { errors } = checkConfig(parsed.root, edgeBlock)
    assert.equal(
      errors.map(formatProblem).filter(problem => /unknown field|not supported/.test(problem)),
      [],
    )
  })

  it('is refused with a typo, at its place', async () => {
    const conf = join(scratch('conf'), 'typo.conf')
    const text = readFileSync(join(folder, 'nats-edge.conf'), 'utf8').replace('baud:', 'bauds:')
    writeFileSync(conf, text)
    const line = text.split('\n').findIndex(one => one.includes('bauds:')) + 1
    const running = await start(...edge('-c', conf, '-t'))
    const { code } = await running.exited
    assert.is(code, 1)
    assert.match(running.output(), new RegExp(`typo\\.conf:${line}:\\d+: unknown field "bauds"`))
  })

  it('has examples in its comments that are valid too', async () => {
    const conf = join(scratch('conf'), 'examples.conf')
    writeFileSync(conf, uncommented('nats-edge.conf'))
    for (const example of ['framing: dsmr', 'write_subject', '0 6 * * 1-5']) {
      const lines = readFileSync(conf, 'utf8').split('\n')
      assert.ok(
        lines.some(line => line.includes(example) && !line.trim().startsWith('#')),
        example,
      )
    }
    const env = { ...process.env, SENSORS_PASSWORD: 'one', ADMIN_PASSWORD: 'two' }
    await run(...edge('-c', conf, '-t'), { env })
  })

  it('runs a gateway: clients, monitoring, MQTT, a port that is missing', async () => {
    const dir = scratch('gateway')
    const [port, http, mqtt] = (await freePorts(3)) as [number, number, number]
    const conf = join(dir, 'nats-edge.conf')
    const text = readFileSync(join(folder, 'nats-edge.conf'), 'utf8')
      .replace('port: 4222 ', `port: ${port} `)
      .replace('127.0.0.1:8222', `127.0.0.1:${http}`)
      .replace('port: 1883', `port: ${mqtt}`)
      .replace('/dev/ttyUSB0 ', `${dir}/missing `)
    writeFileSync(conf, text)
    const running = await start(...edge('-c', conf, '-sd', join(dir, 'data')), 'Server is ready')
    try {
      await running.waitFor(`Serial port gps: ${dir}/missing is not there`)
      assert.match(await firstBytes(port), /^INFO \{/)
      const health = await fetch(`http://127.0.0.1:${http}/healthz`)
      assert.is(health.status, 200)
      const view = (await (await fetch(`http://127.0.0.1:${http}/edgez`)).json()) as {
        serial: { ports: { state: string }[] }
      }
      assert.is(view.serial.ports[0]?.state, 'missing')
      // An MQTT 3.1.1 CONNECT, and the CONNACK that takes it.
      const connack = await firstBytes(mqtt, '101000044d5154540402003c000461626364')
      assert.is(Buffer.from(connack, 'latin1').toString('hex'), '20020000')
    } finally {
      const { code } = await running.stop('SIGINT')
      assert.is(code, 0, running.output())
    }
  })
})

/** What a listener answers first, to these bytes when there are some. */
function firstBytes(port: number, hex = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.from(hex, 'hex')))
    socket.once('error', reject)
    socket.once('data', chunk => {
      socket.destroy()
      resolve(chunk.toString('latin1'))
    })
  })
}
