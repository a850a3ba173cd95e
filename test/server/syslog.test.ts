// The log as syslog messages: over UDP, over TCP, and through logger(1).

import { createSocket } from 'node:dgram'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { realClock } from '../../src/base/clock.ts'
import { Logger } from '../../src/server/logger.ts'
import { parseSyslog, Syslog } from '../../src/server/syslog.ts'
import { scratch } from '../support/directory.ts'
import { spec } from '../support/spec.ts'

const parts = { tag: 'nats-edge', pid: 7, wallMs: () => 0 }

spec('syslog addresses', it => {
  for (const [url, place] of [
    ['udp://h:514', { is: 'udp', host: 'h', port: 514 }],
    ['tcp://127.0.0.1:1', { is: 'tcp', host: '127.0.0.1', port: 1 }],
    ['udp://[::1]:514', { is: 'udp', host: '::1', port: 514 }],
    ['UDP://:514', { is: 'udp', host: 'localhost', port: 514 }],
  ] as const) {
    it(`reads ${url}`, () => assert.equal(parseSyslog(url), place))
  }
  for (const [url, why] of [
    ['udp://h', /expected udp:\/\/host:port/],
    ['ftp://h:1', /error invalid network type: "ftp"/],
    ['udp://h:99999', /port 99999 is out of range/],
    ['unix:///dev/log', /not supported by nats-edge/],
    ['', /cannot read/],
  ] as const) {
    it(`refuses "${url}"`, () => assert.match(String(parseSyslog(url)), why))
  }
})

spec('syslog', it => {
  it('sends datagrams with level, time, host, tag and pid', async () => {
    const server = createSocket('udp4')
    await new Promise<void>(done => server.bind(0, '127.0.0.1', done))
    const heard = new Promise<string>(done => server.once('message', data => done(String(data))))
    const { port } = server.address()
    const syslog = new Syslog({ ...parts, place: { is: 'udp', host: '127.0.0.1', port } })
    syslog.start()
    syslog.add('err', 'trouble')
    assert.match(await heard, /^<3>19\d\d-\d\d-\d\dT\d\d:\d\d:00\S+ \S+ nats-edge\[7\]: trouble\n$/)
    await syslog.close()
    server.close()
  })
  it('maps the levels of the log, keeps colours and times out, and flushes at the end', async () => {
    const server = createServer()
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
    const { port } = server.address() as { port: number }
    const all = new Promise<string>(done => {
      server.once('connection', (socket: Socket) => {
        let text = ''
        socket.on('data', data => {
          text += data
        })
        socket.on('end', () => done(text))
      })
    })
    const logger = new Logger({
      options: {
        debug: true,
        trace: true,
        logtime: true,
        logtimeUtc: false,
        file: null,
        syslog: { is: 'tcp', host: '127.0.0.1', port },
      },
      clock: realClock,
      pid: 7,
      isTerminal: true,
    })
    logger.start()
    logger.info('a')
    logger.warn('b')
    logger.error('c')
    logger.fatal('d')
    logger.debug('e')
    logger.trace('two\nlines')
    await logger.close()
    const lines = (await all).trimEnd().split('\n')
    assert.equal(
      lines.map(line => line.replace(/^(<\d>).*: /, '$1')),
      ['<5>a', '<4>b', '<3>c', '<2>d', '<7>e', '<5>two\\nlines'],
    )
    server.close()
  })
  it('hands lines to logger with their priority', async () => {
    const dir = scratch('syslog')
    const program = join(dir, 'logger')
    writeFileSync(program, `#!/bin/sh\necho "$@" > ${dir}/args\ncat > ${dir}/lines\n`)
    chmodSync(program, 0o755)
    const syslog = new Syslog({ ...parts, place: { is: 'local' }, program })
    syslog.start()
    syslog.add('notice', 'one')
    syslog.add('debug', 'two')
    await syslog.close()
    assert.is(readFileSync(join(dir, 'lines'), 'utf8'), '<29>one\n<31>two\n')
    assert.match(readFileSync(join(dir, 'args'), 'utf8'), '--id=7 --tag nats-edge')
  })
  it('drops and counts where nobody takes the lines, and does not throw', async () => {
    const syslog = new Syslog({ ...parts, place: { is: 'local' }, program: '/nope/logger' })
    syslog.start()
    await new Promise(done => setTimeout(done, 20))
    syslog.add('err', 'lost')
    assert.is(syslog.dropped, 1)
    await syslog.close()
    assert.not.ok(existsSync('/nope'))
  })
})
