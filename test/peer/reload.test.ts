// A reload says of each change what nats-server says. It names users and accounts every time,
// changed or not; we only when they changed.

import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { scratch } from '../support/directory.ts'
import { edgeMain } from '../support/edge.ts'
import { natsServer } from '../support/peers.ts'
import { freePort } from '../support/ports.ts'
import { start } from '../support/process.ts'
import { spec } from '../support/spec.ts'

const base = 'port: -1\nhost: 127.0.0.1\n'

/** What stands in the file before and after; the lines between are compared. */
const changes: readonly (readonly [string, string, string])[] = [
  [
    'limits and times',
    'authorization { user: a, password: b }',
    `max_payload: 1000
max_control_line: 2000
max_conn: 5
ping_interval: "90s"
ping_max: 3
write_deadline: 3s
client_advertise: "x:1"
server_tags: [a]
max_traced_msg_len: 4
connect_error_reports: 7
reconnect_error_reports: 8
pid_file: DIR/a.pid
authorization { user: a, password: c, timeout: 5 }`,
  ],
  ['logging', 'logtime: false', 'logtime: false\nlogtime_utc: true\ntrace: true\nlogtime: false'],
  ['another user', 'authorization { user: a, password: b }', 'authorization { user: z, password: b }'],
  ['a token', 'authorization { token: a }', 'authorization { token: b }'],
  ['max_subscriptions', '', 'max_subs: 4'],
  ['max_pending', '', 'max_pending: 9MB'],
  ['lame duck', '', 'lame_duck_duration: "31s"'],
  [
    'no_auth_user that stays a user',
    'authorization { users: [{user: a, pass: b}, {user: c, pass: d}] }\nno_auth_user: a',
    'authorization { users: [{user: a, pass: b}, {user: c, pass: d}] }',
  ],
  [
    'no_auth_user that goes with its user',
    'authorization { users: [{user: a, pass: b}, {user: c, pass: d}] }\nno_auth_user: a',
    'authorization { users: [{user: c, pass: d}] }',
  ],
  ['monitoring', '', 'http: 9222'],
  ['the base path', '', 'http_base_path: "/x"'],
  ['the name', '', 'server_name: x'],
  ['the log file’s size', '', 'logfile_size_limit: 100'],
] // biome-ignore format: a table

async function linesOf(program: string, args: readonly string[], before: string, after: string) {
  const dir = scratch('reload')
  const path = join(dir, 'a.conf')
  const write = (text: string) => writeFileSync(path, `${base}${text.replace('DIR', dir)}\n`)
  write(before)
  const running = await start(program, [...args, '-c', path, '-T=false'], 'Server is ready')
  const from = running.output().length
  write(after)
  running.child.kill('SIGHUP')
  await running.waitFor(/Reloaded server configuration|Failed to reload/, 5000, from)
  await running.stop()
  const lines = running.output().slice(from).split('\n')
  const end = lines.findIndex(line => /Reloaded server|Failed to reload/.test(line))
  return lines
    .slice(0, end + 1)
    .map(line => line.replace(/^\[\d+\] /, '').replace(/ \(sha256:.*/, ''))
    .filter(line => !/Reloaded: (accounts|authorization users)/.test(line))
    .filter(line => line.startsWith('[INF]') || line.startsWith('[ERR]'))
    .map(line => line.replace(/\S*\/a\.pid/, 'a.pid'))
}

/** How many of five clients are cut off when two may stay, with what, and what the log says. */
async function lowered(program: string, args: readonly string[]) {
  const path = join(scratch('reload'), 'a.conf')
  const port = await freePort()
  writeFileSync(path, `host: 127.0.0.1\nport: ${port}\n`)
  const running = await start(program, [...args, '-c', path, '-T=false'], 'Server is ready')
  const ends: string[] = []
  for (let i = 0; i < 5; i++) {
    const socket = connect(port, '127.0.0.1')
    await new Promise(greeted => socket.once('data', greeted))
    socket.write('CONNECT {"verbose":false}\r\nPING\r\n')
    await new Promise(answered => socket.once('data', answered))
    socket.on('data', bytes => ends.push(String(bytes)))
    socket.on('error', () => {})
  }
  writeFileSync(path, `host: 127.0.0.1\nport: ${port}\nmax_connections: 2\n`)
  running.child.kill('SIGHUP')
  await running.waitFor('Reloaded server configuration')
  await running.stop()
  const said = running.output().split('\n')
  return {
    ends: ends.filter(text => text.startsWith('-ERR')),
    lines: said.filter(line => /max_connections/.test(line)).map(line => line.replace(/^\S+ /, '')),
  }
}

spec('reload', it => {
  it('closes as many as are too many when max_connections is lowered', async () => {
    const theirs = await lowered(natsServer('2.10'), [])
    const ours = await lowered(process.execPath, [edgeMain])
    assert.equal(ours, theirs)
    assert.is(ours.ends.length, 3)
  })
  for (const [name, before, after] of changes) {
    it(`tells ${name} as nats-server does`, async () => {
      const theirs = await linesOf(natsServer('2.10'), [], before, after)
      const ours = await linesOf(process.execPath, [edgeMain], before, after)
      // The fields of one block stand apart there.
      assert.equal([...ours].sort(), [...theirs].sort())
    })
  }
})
