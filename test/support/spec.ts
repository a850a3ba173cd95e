// One suite, with a time limit on every case. uvu itself has none, and forgets a suite whose
// `.run()` was forgotten: so tests are written with this and nothing else.

import { type Test, suite } from 'uvu'

export type It = (name: string, run: () => Promise<void> | void, timeLimitMs?: number) => void

const timeLimitMsDefault = 20_000

/** Registers and runs a suite: `spec('parser', it => { it('reads a PUB', () => { … }) })`. */
export function spec(name: string, define: (it: It, hooks: Hooks) => void): void {
  const test = suite(name)
  const it: It = (title, run, timeLimitMs = timeLimitMsDefault) => {
    test(`${name}: ${title}`, () => bounded(title, run, timeLimitMs))
  }
  define(it, test)
  test.run()
}

/** Run around the cases: `hooks.before(…)`, `hooks.after(…)`, `hooks.before.each(…)`. */
export type Hooks = Pick<Test, 'before' | 'after'>

async function bounded(title: string, run: () => Promise<void> | void, limitMs: number) {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${title}: not done after ${limitMs} ms`)), limitMs)
  })
  try {
    await Promise.race([Promise.resolve().then(run), late])
  } finally {
    clearTimeout(timer)
  }
}
