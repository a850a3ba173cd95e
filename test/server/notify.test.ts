// What systemd is told and when, with a script in the place of systemd-notify.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { FakeClock } from '../../src/base/clock.ts'
import type { Log } from '../../src/base/log.ts'
import { silentLog } from '../../src/base/log.ts'
import { Notify } from '../../src/server/notify.ts'
import { scratch } from '../support/directory.ts'
import { spec } from '../support/spec.ts'

function make(env: Record<string, string>, script = '') {
  const dir = scratch('notify')
  const heard = join(dir, 'heard')
  const program = join(dir, 'notify')
  writeFileSync(program, `#!/bin/sh\necho "$NOTIFY_SOCKET $1" >>${heard}\n${script}\n`, {
    mode: 0o755,
  })
  const warnings: string[] = []
  const log: Log = { ...silentLog, warn: text => warnings.push(text) }
  const clock = new FakeClock()
  const notify = new Notify({ env, clock, log, program })
  const lines = async (count: number) => {
    const read = () => (existsSync(heard) ? readFileSync(heard, 'utf8') : '')
    while (read().split('\n').length <= count) await new Promise(done => setTimeout(done, 5))
    return read()
  }
  return { notify, clock, warnings, lines, heard }
}

spec('notify', it => {
  it('says nothing without a socket', () => {
    const { notify, heard } = make({})
    notify.ready()
    notify.stopping()
    assert.not.ok(existsSync(heard))
  })
  it('feeds the watchdog twice a period, once it is ready', async () => {
    const { notify, clock, lines } = make({ NOTIFY_SOCKET: '/s', WATCHDOG_USEC: '60000000' })
    clock.advance(60_000)
    notify.ready()
    assert.is(await lines(1), '/s READY=1\n')
    // The script has written its line but may not have ended: then a turn is left out.
    for (let i = 0; i < 20; i++) {
      clock.advance(30_000)
      await new Promise(done => setTimeout(done, 5))
    }
    assert.match(await lines(2), '/s READY=1\n/s WATCHDOG=1\n')
    notify.close()
  })
  it('warns once when nobody can be told', async () => {
    const { notify, warnings, lines } = make({ NOTIFY_SOCKET: '/s' }, 'exit 3')
    notify.ready()
    await lines(1)
    while (warnings.length === 0) await new Promise(done => setTimeout(done, 5))
    notify.stopping()
    await lines(2)
    assert.is(warnings.length, 1)
    assert.match(warnings[0] ?? '', 'Cannot notify systemd')
  })
})
