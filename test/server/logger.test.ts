// The log: nats-server's line format, repeated messages counted, files reopened and rotated.

import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { FakeClock } from '../../src/base/clock.ts'
import { LogSink, waitingBytesMax } from '../../src/server/log-sink.ts'
import { Logger, type LoggerOptions, repeatsShown } from '../../src/server/logger.ts'
import { spec } from '../support/spec.ts'

const plain: LoggerOptions = {
  debug: false,
  trace: false,
  logtime: false,
  logtimeUtc: true,
  file: null,
}

spec('logger', (it, hooks) => {
  let dir = ''
  hooks.before.each(() => {
    dir = mkdtempSync(join(tmpdir(), 'nats-edge-log-'))
  })
  hooks.after.each(() => rmSync(dir, { recursive: true, force: true }))

  const make = (options: Partial<LoggerOptions> = {}, sizeMax = 0, filesMax = 0) => {
    const path = join(dir, 'a.log')
    const clock = new FakeClock(Date.UTC(2026, 0, 2, 3, 4, 5, 678))
    const file = { path, sizeMax, filesMax }
    const log = new Logger({
      options: { ...plain, file, ...options },
      clock,
      pid: 42,
      isTerminal: true,
    })
    log.start()
    const text = async () => {
      await log.close()
      return readFileSync(path, 'utf8')
    }
    return { log, clock, path, text }
  }

  it('writes the format of nats-server, without colours in a file', async () => {
    const { log, clock, text } = make({ logtime: true })
    log.info('one')
    clock.advance(0.25)
    log.warn('two')
    clock.advance(60_000)
    log.error('three')
    log.fatal('four')
    assert.is(
      await text(),
      '[42] 2026/01/02 03:04:05.678000 [INF] one\n' +
        '[42] 2026/01/02 03:04:05.678250 [WRN] two\n' +
        '[42] 2026/01/02 03:05:05.678250 [ERR] three\n' +
        '[42] 2026/01/02 03:05:05.678250 [FTL] four\n',
    )
  })
  it('follows a clock that was set', async () => {
    const { log, clock, text } = make({ logtime: true })
    clock.jump(-1000)
    log.info('x')
    assert.is(await text(), '[42] 2026/01/02 03:04:04.678000 [INF] x\n')
  })
  it('leaves the time out', async () => {
    const { log, text } = make()
    log.info('x')
    assert.is(await text(), '[42] [INF] x\n')
  })
  it('shows debug and trace lines only when asked', async () => {
    const off = make()
    off.log.debug('d')
    off.log.trace('t')
    assert.is(await off.text(), '')
    const on = make({ debug: true, trace: true })
    on.log.debug('d')
    on.log.trace('t')
    assert.is(await on.text(), '[42] [DBG] d\n[42] [TRC] t\n')
  })
  it('keeps a line a line, whatever a peer sent', async () => {
    const { log, text } = make()
    log.info('a\r\n[1] [INF] forged\x1b[31m')
    assert.is(await text(), '[42] [INF] a\\r\\n[1] [INF] forged\\x1b[31m\n')
  })
  it('counts a warning that comes again and again', async () => {
    const { log, clock, text } = make()
    for (let i = 0; i < repeatsShown + 4; i++) log.warn('again')
    log.warn('other')
    clock.advance(10_000)
    log.warn('again')
    const lines = (await text()).split('\n').slice(0, -1)
    assert.equal(lines, [
      ...Array.from({ length: repeatsShown }, () => '[42] [WRN] again'),
      '[42] [WRN] other',
      '[42] [WRN] again (repeated 4 more times)',
      '[42] [WRN] again',
    ])
  })
  it('counts nothing at the limit', async () => {
    const { log, clock, text } = make()
    for (let i = 0; i < repeatsShown; i++) log.error('e')
    clock.advance(10_000)
    assert.is((await text()).split('\n').length - 1, repeatsShown)
  })
  it('opens the file anew after logrotate', async () => {
    const { log, path, text } = make()
    log.info('old')
    await new Promise(setImmediate)
    log.flush()
    renameSync(path, `${path}.1`)
    log.reopen()
    log.info('new')
    const after = await text()
    assert.match(after, '[42] [INF] File log re-opened\n[42] [INF] new\n')
    assert.match(readFileSync(`${path}.1`, 'utf8'), '[42] [INF] old\n')
    assert.is(statSync(path).mode & 0o777, 0o640)
  })
  it('sets a full file aside, and keeps no more than it may', async () => {
    const { log, clock, path } = make({}, 100, 2)
    for (let i = 0; i < 4; i++) {
      log.info('x'.repeat(100))
      clock.advance(1000)
      await until(() => statSync(path).size < 100 && backups(path).length >= 1)
    }
    await log.close()
    assert.is(backups(path).length, 1)
    assert.match(readFileSync(path, 'utf8'), /Rotated log, backup saved as ".*\.2026\.01\.02\./)
  })
  it('refuses a file that cannot be opened', () => {
    const path = join(dir, 'none', 'a.log')
    const file = { path, sizeMax: 0, filesMax: 0 }
    const clock = new FakeClock()
    const log = new Logger({ options: { ...plain, file }, clock, pid: 1, isTerminal: false })
    assert.throws(() => log.start(), /ENOENT/)
  })
})

function backups(path: string): string[] {
  return readdirSync(join(path, '..')).filter(name => name.startsWith('a.log.'))
}

/** Turns of the loop, not time: writes to a local file end soon. */
async function until(ready: () => boolean): Promise<void> {
  while (!ready()) await new Promise(setImmediate)
}

spec('log sink', (it, hooks) => {
  let dir = ''
  hooks.before(() => {
    dir = mkdtempSync(join(tmpdir(), 'nats-edge-log-'))
  })
  hooks.after(() => rmSync(dir, { recursive: true, force: true }))

  it('drops and counts what does not fit', async () => {
    const path = join(dir, 'full.log')
    const notices: string[] = []
    const sink = new LogSink({
      file: { path, sizeMax: 0, filesMax: 0 },
      wallMs: () => 0,
      notice: (_, text) => notices.push(text),
    })
    sink.start()
    const line = `${'x'.repeat(1023)}\n`
    const fits = waitingBytesMax / line.length
    for (let i = 0; i < fits + 3; i++) sink.add(line)
    await sink.close()
    assert.is(statSync(path).size, waitingBytesMax)
    assert.match(notices.join(), /^3 log lines were dropped/)
  })
  it('keeps the order over a move to another file', async () => {
    const [one, two] = [join(dir, 'one.log'), join(dir, 'two.log')]
    const file = { path: one, sizeMax: 0, filesMax: 0 }
    const sink = new LogSink({ file, wallMs: () => 0, notice: () => {} })
    sink.start()
    sink.add('a\n')
    await new Promise(setImmediate)
    sink.move({ ...file, path: two })
    sink.add('b\n')
    await sink.close()
    assert.is(readFileSync(one, 'utf8') + readFileSync(two, 'utf8'), 'a\nb\n')
  })
})
