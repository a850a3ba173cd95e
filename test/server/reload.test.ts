// Reload, lame duck and --signal, each without a process.

import * as assert from 'uvu/assert'
import { FakeClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { checkConfig } from '../../src/server/check.ts'
import { parseConfText } from '../../src/server/conf.ts'
import { LameDuck } from '../../src/server/lame-duck.ts'
import { serverBlock } from '../../src/server/options.ts'
import { compareOptions } from '../../src/server/reload.ts'
import { type Processes, sendSignal } from '../../src/server/signals.ts'
import { spec } from '../support/spec.ts'

function optionsOf(text: string) {
  const parsed = parseConfText(text, { read: () => new Error('no files'), env: {} })
  assert.ok(parsed.is === 'parsed')
  return checkConfig(parsed.root, serverBlock).values
}

spec('reload', it => {
  const changes = (before: string, after: string) =>
    compareOptions(serverBlock, optionsOf(before), optionsOf(after))

  it('allows what may change, and shows its value', () => {
    assert.equal(changes('', 'debug: true\nmax_payload: 2MB'), {
      is: 'allowed',
      texts: ['Reloaded: debug = true', 'Reloaded: max_payload = 2097152'],
    })
  })
  it('finds nothing in the same config', () => {
    const text = 'authorization { users: [{user: a}] }\nleafnodes { remotes: [{url: h}] }'
    assert.equal(changes(text, text), { is: 'allowed', texts: [] })
  })
  it('shows no value of a block', () => {
    const result = changes('authorization { token: a }', 'authorization { token: s3cret }')
    assert.equal(result, { is: 'allowed', texts: ['Reloaded: authorization token'] })
  })
  it('refuses everything for one option that needs a restart', () => {
    assert.equal(changes('port: 4222', 'debug: true\nport: 4223'), {
      is: 'refused',
      text: 'config reload not supported for Port: old=4222, new=4223',
    })
    const leaf = (version: string) => `leafnodes { port: -1, min_version: "${version}" }`
    assert.equal(changes(leaf('2.9.0'), leaf('2.10.0')), {
      is: 'refused',
      text: 'config reload not supported for LeafNode.min_version',
    })
  })
  it('lets no_auth_user go together with its user only', () => {
    const users = (names: string, more = '') =>
      `authorization { users: [${names}] }\n${more ? `no_auth_user: ${more}` : ''}`
    const [both, second] = ['{user: a, password: x}, {user: b}', '{user: b}']
    const refused = (now: string) => ({
      is: 'refused',
      text: `config reload not supported for NoAuthUser: old=a, new=${now}`,
    })
    const allowed = { is: 'allowed', texts: ['Reloaded: authorization users'] }
    assert.equal(changes(users(both, 'a'), users(second)), allowed)
    assert.equal(changes(users(both, 'a'), users(both)), refused(''))
    assert.equal(changes(users(both, 'a'), users(second, 'b')), refused('b'))
    const late = 'config reload not supported for NoAuthUser: old=, new=b'
    assert.equal(changes(users(both), users(both, 'b')), { is: 'refused', text: late })
    const moved = 'accounts { A: { users: [{user: a, password: x}] } }'
    assert.equal(changes(users(both, 'a'), moved), refused(''))
  })
  it('takes hubs that come and go, without their secrets', () => {
    const leaf = (url: string) => `leafnodes { remotes: [{url: "nats://u:pass@${url}"}] }`
    const allowed = { is: 'allowed', texts: ['Reloaded: leafnodes.remotes'] }
    assert.equal(changes(leaf('a'), leaf('b')), allowed)
    assert.equal(changes('', leaf('b')), allowed)
  })
})

spec('lame duck', it => {
  const make = (count: number) => {
    const clock = new FakeClock()
    const closedAtMs: number[] = []
    const clients = new Map<number, { close(reason: string): void }>()
    for (let id = 1; id <= count; id++) {
      const close = () => {
        closedAtMs.push(clock.monotonicMs())
        clients.delete(id)
      }
      clients.set(id, { close })
    }
    let isEntered = false
    let doneAtMs = -1
    const duck = new LameDuck({
      server: {
        clients,
        enterLameDuck: () => {
          isEntered = true
        },
      },
      graceMs: 10_000,
      durationMs: 120_000,
      clock,
      log: silentLog,
      done: () => {
        doneAtMs = clock.monotonicMs()
      },
    })
    return { duck, clock, clients, closedAtMs, isEntered: () => isEntered, done: () => doneAtMs }
  }
  it('ends at once without clients', () => {
    const { duck, isEntered, done } = make(0)
    duck.enter()
    assert.ok(isEntered())
    assert.is(done(), 0)
  })
  it('waits, then closes one client a second at most', () => {
    const { duck, clock, closedAtMs, done } = make(3)
    duck.enter()
    duck.enter()
    clock.advance(9_999)
    assert.equal(closedAtMs, [])
    clock.advance(20_000)
    assert.equal(closedAtMs, [10_000, 11_000, 12_000])
    assert.is(done(), 12_000)
  })
  it('closes many in groups within its time', () => {
    const { duck, clock, clients, done } = make(20_000)
    duck.enter()
    clock.advance(120_000)
    assert.is(clients.size, 0)
    assert.ok(done() > 100_000 && done() <= 120_000, `${done()}`)
  })
})

spec('signal to another process', it => {
  const make = (running: number[], files: Record<string, string> = {}) => {
    const sent: string[] = []
    const processes: Processes = {
      find: () => running,
      kill: (pid, signal) => {
        if (!running.includes(pid)) throw Object.assign(new Error('kill'), { code: 'ESRCH' })
        sent.push(`${signal} ${pid}`)
      },
      readFile: path => files[path] ?? null,
    }
    return { sent, processes }
  }
  const rows: readonly (readonly [string, number[], string[] | string])[] = [
    ['reload', [7], ['SIGHUP 7']],
    ['stop=7', [7, 8], ['SIGKILL 7']],
    ['quit=7', [7], ['SIGINT 7']],
    ['term=7', [7], ['SIGTERM 7']],
    ['reopen=7', [7], ['SIGUSR1 7']],
    ['ldm=/run/x.pid', [12], ['SIGUSR2 12']],
    ['reload=1*', [12, 13, 2], ['SIGHUP 12', 'SIGHUP 13']],
    ['reload=*', [12, 2], ['SIGHUP 12', 'SIGHUP 2']],
    ['foo', [7], 'unknown signal "foo"'],
    ['reload', [], 'no nats-server processes running'],
    ['reload', [7, 8], 'multiple nats-server processes running:\n7\n8'],
    ['reload=9', [7], '\nsignal "reload" 9: no such process'],
    ['reload=1=2', [7], 'invalid signal parameters: [2]'],
    ['reload=abc', [7], 'invalid pid: abc'],
    ['reload=/run/bad.pid', [7], 'invalid pid: x'],
  ]
  for (const [argument, running, outcome] of rows) {
    it(`${argument} with ${running.length} running`, () => {
      const { sent, processes } = make(running, { '/run/x.pid': '12\n', '/run/bad.pid': 'x' })
      const problem = sendSignal(argument, processes)
      if (typeof outcome === 'string') assert.is(problem, outcome)
      else assert.equal([problem, sent], [null, outcome])
    })
  }
})
