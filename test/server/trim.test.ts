import * as assert from 'uvu/assert'
import { FakeClock } from '../../src/base/clock.ts'
import { type Load, Trimmer } from '../../src/server/trim.ts'
import { spec } from '../support/spec.ts'

const mib = 1024 * 1024

/** A trimmer, and what it finds when it looks. */
function trimmerOf(residentMib: number) {
  const clock = new FakeClock()
  const did: string[] = []
  let load: Load = { residentBytes: residentMib * mib, busyShare: 0 }
  const trimmer = new Trimmer({
    clock,
    release: () => did.push('release'),
    load: () => load,
    trim: async () => {
      did.push('trim')
      load = { ...load, residentBytes: residentMib * mib }
    },
  })
  trimmer.start()
  const look = async (next: Load) => {
    load = next
    clock.advance(10_000)
    await Promise.resolve()
    await Promise.resolve()
    return did.splice(0)
  }
  return { trimmer, look }
}

spec('memory trimmer', it => {
  it('trims what has grown once it is quiet', async () => {
    const { look } = trimmerOf(40)
    assert.equal(await look({ residentBytes: 60 * mib, busyShare: 0.5 }), [])
    assert.equal(await look({ residentBytes: 60 * mib, busyShare: 0.01 }), ['release', 'trim'])
    assert.equal(await look({ residentBytes: 60 * mib, busyShare: 0 }), ['release', 'trim'])
  })

  it('leaves alone what has not grown', async () => {
    const { look } = trimmerOf(40)
    assert.equal(await look({ residentBytes: 43 * mib, busyShare: 0 }), [])
  })

  it('does not look any more once it is closed', async () => {
    const { trimmer, look } = trimmerOf(40)
    trimmer.close()
    assert.equal(await look({ residentBytes: 90 * mib, busyShare: 0 }), [])
  })
})
