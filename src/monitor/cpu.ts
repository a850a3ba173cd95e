// The processor share of the process, of one core, since it was measured last.

/** It is measured over at least this long. */
const windowMs = 1000

export class CpuShare {
  #measured = { percent: 0, atMs: 0, usedMs: 0 }

  percent(): number {
    const atMs = performance.now()
    const { user, system } = process.cpuUsage()
    const usedMs = (user + system) / 1000
    const elapsedMs = atMs - this.#measured.atMs
    if (elapsedMs >= windowMs) {
      const percent = Math.round(((usedMs - this.#measured.usedMs) / elapsedMs) * 1000) / 10
      this.#measured = { percent, atMs, usedMs }
    }
    return this.#measured.percent
  }
}
