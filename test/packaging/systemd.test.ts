// The unit by systemd's own tools. `systemd-analyze verify` ends with 0 on an unknown key: any
// word it prints is a failure.

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { scratch } from '../support/directory.ts'
import { program } from '../support/peers.ts'
import { spec } from '../support/spec.ts'

/** In hundredths of systemd's scale from 0 (shut) to 10 (open). */
const exposureMax = 20

const folder = new URL('../../systemd/', import.meta.url)
const unit = readFileSync(new URL('nats-edge.service', folder), 'utf8')
const binary = '/usr/bin/nats-edge'

/** The unit with a program that exists on every machine. */
function place(text: string): string {
  const path = join(scratch('unit'), 'nats-edge.service')
  writeFileSync(path, text.replaceAll(binary, '/bin/true'))
  return path
}

function analyze(...args: string[]): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(program('systemd-analyze'), args, {
    encoding: 'utf8',
  })
  return { status, said: args[0] === 'verify' ? `${stdout}${stderr}` : stderr }
}

/** Every value of a key, in order. */
function values(key: string): string[] {
  return [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(found => found[1] as string)
}

spec('systemd unit', it => {
  it('is verified without a word', () => {
    assert.equal(analyze('verify', place(unit)), { status: 0, said: '' })
  })

  it('would not be with a misspelt key', () => {
    const { said } = analyze('verify', place(unit.replace('ProtectHome', 'ProtectHouse')))
    assert.match(said, 'ProtectHouse')
  })

  it('is shut tight enough', () => {
    const threshold = `--threshold=${exposureMax}`
    const path = place(unit)
    assert.is(analyze('security', '--offline=true', threshold, path).status, 0)
    const open = place(unit.replace(/^(Protect|Restrict|System|Capability).*$/gm, ''))
    assert.is.not(analyze('security', '--offline=true', threshold, open).status, 0)
  })

  it('starts the program and the config of the package', () => {
    assert.equal(values('ExecStart'), [`${binary} -c /etc/nats-edge/nats-edge.conf`])
    assert.equal(values('Type'), ['notify'])
    assert.equal(values('NotifyAccess'), ['all'])
    assert.equal(values('Restart'), ['always'])
    assert.equal(values('StartLimitIntervalSec'), ['0'])
  })

  it('leaves serial ports open, and nothing else of /dev', () => {
    assert.equal(values('DevicePolicy'), ['closed'])
    assert.equal(values('SupplementaryGroups'), ['dialout'])
    for (const device of values('DeviceAllow')) assert.match(device, /^char-tty[A-Z]+ rw$/)
    assert.equal(values('PrivateDevices'), [])
    assert.equal(values('MemoryDenyWriteExecute'), [])
  })

  it('runs as the user that sysusers makes', () => {
    const users = readFileSync(new URL('nats-edge.sysusers', folder), 'utf8')
    const [user] = values('User')
    assert.match(users, new RegExp(`^u ${user} - `, 'm'))
    assert.match(users, new RegExp(`^m ${user} dialout$`, 'm'))
  })
})

spec('udev rules', it => {
  const lines = readFileSync(new URL('60-nats-edge.rules', folder), 'utf8')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))

  it('are pairs of key, operator and quoted value', () => {
    const pair = /^[A-Z]+(\{[A-Za-z_]+\})?(==|!=|=|\+=)"[^"]*"$/
    for (const line of lines) {
      for (const part of line.split(/,\s*(?=[A-Z]+[{=!+])/)) assert.match(part, pair)
    }
  })

  it('jump to a label that is there', () => {
    const jumps = lines.flatMap(line => [...line.matchAll(/GOTO="([^"]+)"/g)].map(f => f[1]))
    assert.ok(jumps.length > 0)
    for (const label of jumps) assert.ok(lines.includes(`LABEL="${label}"`))
  })

  it('keep ModemManager off the ports', () => {
    assert.ok(lines.some(line => line.includes('ENV{ID_MM_PORT_IGNORE}="1"')))
  })
})
