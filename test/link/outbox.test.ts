import * as assert from 'uvu/assert'
import { Turn } from '../../src/base/turn.ts'
import { BlockPool, type ByteSink, Outbox, type OutboxOwner } from '../../src/link/outbox.ts'
import { spec } from '../support/spec.ts'

class Wire implements ByteSink {
  readonly writes: string[] = []
  #done: (() => void) | null = null

  write(blocks: readonly Buffer[], done: () => void): void {
    assert.is(this.#done, null, 'one write at a time')
    this.writes.push(Buffer.concat(blocks).toString())
    this.#done = done
  }

  /** The kernel took the last write. */
  take(): void {
    const done = this.#done
    this.#done = null
    done?.()
  }
}

class Owner implements OutboxOwner {
  readonly heard: string[] = []
  overflowed(): void {
    this.heard.push('overflowed')
  }
  drained(): void {
    this.heard.push('drained')
  }
  writeStalled(): void {}
}

function newOutbox(pendingBytesMax = 64 * 1024 * 1024) {
  const [wire, owner, turn] = [new Wire(), new Owner(), new Turn()]
  const outbox = new Outbox(owner, wire, turn, new BlockPool(), pendingBytesMax)
  const append = (text: string) => outbox.append(Buffer.from(text), 0, Buffer.byteLength(text))
  return { wire, owner, turn, outbox, append }
}

spec('outbox', it => {
  it('writes once a turn, in order', () => {
    const { wire, turn, outbox, append } = newOutbox()
    append('one ')
    outbox.appendText('two ')
    outbox.appendText('dréi')
    assert.equal(wire.writes, [])
    turn.end()
    assert.equal(wire.writes, ['one two dréi'])
  })

  it('gathers behind a write that is under way', () => {
    const { wire, turn, append } = newOutbox()
    append('a')
    turn.end()
    append('b')
    turn.end()
    append('c')
    turn.end()
    assert.equal(wire.writes, ['a'])
    wire.take()
    turn.end()
    assert.equal(wire.writes, ['a', 'bc'])
  })

  it('carries pieces larger than a block, and across blocks', () => {
    const { wire, turn, outbox, append } = newOutbox()
    const large = 'x'.repeat(200_000)
    append('head ')
    append(large)
    append(' tail')
    assert.is(outbox.pendingBytes, 200_010)
    turn.end()
    assert.equal(wire.writes, [`head ${large} tail`])
    wire.take()
    assert.is(outbox.pendingBytes, 0)
  })

  it('tells its owner once that the bound was passed, not at the bound', () => {
    const { owner, append } = newOutbox(1000)
    append('x'.repeat(1000))
    assert.equal(owner.heard, [])
    append('x')
    append('x')
    assert.equal(owner.heard, ['overflowed'])
  })

  it('is congested past three quarters and says when it has drained', () => {
    const { wire, owner, turn, outbox, append } = newOutbox(1000)
    append('x'.repeat(750))
    assert.is(outbox.congested, false)
    append('x')
    assert.is(outbox.congested, true)
    turn.end()
    wire.take()
    assert.is(outbox.congested, false)
    assert.equal(owner.heard, ['drained'])
  })

  it('frees everything when closed', () => {
    const { wire, turn, outbox, append } = newOutbox()
    append('x')
    outbox.close()
    outbox.close()
    append('y')
    turn.end()
    assert.equal(wire.writes, [])
    assert.is(outbox.pendingBytes, 0)
  })
})
