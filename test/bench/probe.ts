// node probe.ts <port>: a process of its own that publishes a core message every few milliseconds
// and notes when it comes back. Told `begin` and `end` by its parent; answers `end` with the waits
// in µs, ascending. Its priority is high, so that it measures the server and not its neighbours.

import { setPriority } from 'node:os'
import { Wire } from './wire.ts'

const everyMs = 2

if (import.meta.main) {
  try {
    setPriority(-15)
  } catch {
    // Not allowed: then as all others.
  }
  const wire = await Wire.open(Number(process.argv[2]))
  const sent: number[] = []
  let waitsUs: number[] = []
  /** Those sent before do not count. */
  let uncounted = 0
  wire.onMessage = () => {
    const sentMs = sent.shift()
    // The answer to a sync is no probe.
    if (sentMs === undefined) return
    if (uncounted > 0) uncounted--
    else waitsUs.push((performance.now() - sentMs) * 1000)
  }
  wire.write('SUB probe p\r\n')
  await wire.sync()
  // The next one goes whether or not the last one is back.
  const timer = setInterval(() => {
    sent.push(performance.now())
    wire.write('PUB probe 16\r\nxxxxxxxxxxxxxxxx\r\n')
  }, everyMs)
  process.on('message', async what => {
    if (what === 'begin') {
      waitsUs = []
      uncounted = sent.length
      return
    }
    clearInterval(timer)
    // What is still on its way comes before the PONG.
    await wire.sync()
    process.send?.([...waitsUs].sort((a, b) => a - b))
  })
  process.send?.('ready')
}
