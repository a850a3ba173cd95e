// Counters by themselves: digits, what is broken, and increments that are not on disk yet.

import * as assert from 'uvu/assert'
import { count, counterDigitsMax, incrementProblem, tallyOf } from '../../edge/store/counter.ts'
import { messageTooLarge } from '../../edge/store/errors.ts'
import { counterBroken, incrementInvalid } from '../../edge/store/publish-errors.ts'
import type { AppendOptions, StoredMessage } from '../../edge/store/shapes.ts'
import { storedCopy } from '../../edge/store/stored.ts'
import { spec } from '../support/spec.ts'
import { withPublishBench } from './publish-bench.ts'
import { none, streamConfig } from './support.ts'

const config = streamConfig({ name: 'C', allow_msg_counter: true })

function stored(payload: string, headers = ''): StoredMessage {
  const block = headers === '' ? none : Buffer.from(`NATS/1.0\r\n${headers}\r\n\r\n`)
  return storedCopy(1, 0, { subject: 'c', headers: block, payload: Buffer.from(payload) })
}

/** What becomes of an increment after a stored message. */
function after(payload: string, options: AppendOptions, headers = ''): unknown {
  const before = tallyOf(stored(payload))
  if ('err_code' in before) return before
  const block = Buffer.from(`NATS/1.0\r\n${headers}Nats-Incr: ${options.incr}\r\n\r\n`)
  const counted = count({ subject: 'c', headers: block, payload: none }, options, before)
  return 'err_code' in counted ? counted : counted.message.payload.toString()
}

spec('counter', it => {
  it('takes so many digits and no more', () => {
    const most = '9'.repeat(counterDigitsMax)
    assert.is(incrementProblem(config, { incr: most }, 0), null)
    assert.is(incrementProblem(config, { incr: `${most}9` }, 0), incrementInvalid)
    assert.is(after('{"val":"0"}', { incr: most }), `{"val":"${most}"}`)
    assert.is(after(`{"val":"${most}"}`, { incr: '0' }), `{"val":"${most}"}`)
    assert.is(after(`{"val":"${most}"}`, { incr: '1' }), messageTooLarge)
    assert.is(after(`{"val":"-${most.slice(1)}"}`, { incr: '0' }), `{"val":"-${most.slice(1)}"}`)
  })

  it('is broken by what is no counter, and counts what is no number as nothing', () => {
    for (const body of ['', 'x', '5', '[]', 'null', '{"val":5}', '{"val":null}', '{']) {
      assert.is(tallyOf(stored(body)), counterBroken, body)
    }
    for (const body of ['{}', '{"val":""}', '{"val":"x"}', '{"val":"1.5"}', '{"other":1}']) {
      assert.is(after(body, { incr: '2' }), '{"val":"2"}', body)
    }
    for (const sources of ['x', '[]', '5', '{"a":5}', '{"a":{"b":5}}', '{"a":null}']) {
      const message = stored('{"val":"1"}', `Nats-Counter-Sources: ${sources}`)
      assert.is(tallyOf(message), counterBroken, sources)
    }
  })

  it('keeps names of sources that mean something to JavaScript', () => {
    const sources = '{"__proto__":{"constructor":"5"},"toString":{"length":"-1"}}'
    const before = tallyOf(stored('{"val":"1"}', `Nats-Counter-Sources: ${sources}`))
    if ('err_code' in before) throw new Error(before.description)
    assert.is(before.sources.get('__proto__')?.get('constructor'), '5')
    const counted = count({ subject: 'c', headers: none, payload: none }, { incr: '1' }, before)
    if ('err_code' in counted) throw new Error(counted.description)
    assert.match(counted.message.headers.toString(), sources)
  })

  it('adds up what is not on disk yet, and goes back with a group that failed', () =>
    withPublishBench(async bench => {
      const stream = bench.stream('C', { allow_msg_counter: true })
      await bench.onDisk()
      const by = (increment: string): void => bench.say('c.1', { head: { 'Nats-Incr': increment } })
      for (let i = 0; i < 100; i++) by('1')
      assert.is(stream.newest('c.1')?.payload.toString(), '{"val":"100"}')
      assert.equal(bench.take(), [])
      await bench.onDisk()
      assert.is(bench.take().at(-1), '_R.1|{"stream":"C","seq":100,"val":"100"}')
      bench.failCommit()
      by('5')
      by('5')
      assert.ok(await bench.onDisk())
      assert.match(bench.take()[1] ?? '', '"err_code":10077')
      bench.recover()
      await bench.onDisk()
      by('1')
      await bench.onDisk()
      assert.is(bench.take().at(-1), '_R.1|{"stream":"C","seq":101,"val":"101"}')
      // The newest one went: the one before it counts.
      stream.remove(101)
      by('1')
      stream.purge({})
      by('1')
      await bench.onDisk()
      assert.equal(
        bench.take().map(line => /"val":"\d+"/.exec(line)?.[0]),
        ['"val":"101"', '"val":"1"'],
      )
    }))
})
