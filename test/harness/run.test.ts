// The runner must not be fooled: what proves nothing is a failure.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { scratch } from '../support/directory.ts'
import { spec } from '../support/spec.ts'

const runner = fileURLToPath(new URL('../support/run.ts', import.meta.url))
const helper = JSON.stringify(fileURLToPath(new URL('../support/spec.ts', import.meta.url)))
const uvu = JSON.stringify(
  fileURLToPath(new URL('../../node_modules/uvu/dist/index.mjs', import.meta.url)),
)

/** Longer than the runner waits for a file to end. */
const endMsMax = 40_000
const good = "it('a', () => {})"
const rows: [string, string, number, string][] = [
  [
    'two that pass',
    `import { spec } from ${helper}\nspec('s', it => { ${good}; ${good} })`,
    0,
    '2 passed, 0 failed',
  ],
  [
    'one of two that fails',
    `import { spec } from ${helper}\nspec('s', it => { ${good}; it('b', () => { throw new Error('no') }) })`,
    1,
    '1 passed, 1 failed',
  ],
  [
    'one that outlives its time limit',
    `import { spec } from ${helper}\nspec('s', it => { it('b', () => new Promise(() => {}), 20) })`,
    1,
    '0 passed, 1 failed',
  ],
  [
    'a suite that was never run',
    `import { suite } from ${uvu}\nsuite('s')('a', () => {})`,
    1,
    '0 passed, 1 failed',
  ],
  ['no test at all', 'export const nothing = 1', 1, '0 passed, 1 failed'],
  [
    'a suite without cases',
    `import { spec } from ${helper}\nspec('s', () => {})`,
    1,
    '0 passed, 1 failed',
  ],
  [
    'a skipped one',
    `import { suite } from ${uvu}\nconst s = suite('s')\ns('a', () => {})\ns.skip('b', () => {})\ns.run()`,
    1,
    '1 passed, 1 failed',
  ],
  ['a file that does not compile', 'const = 1', 1, '0 passed, 1 failed'],
  [
    'a crash after the tests',
    `import { spec } from ${helper}\nspec('s', it => { ${good} })\nprocess.on('exit', () => { process.exitCode = 3 })`,
    1,
    '1 passed, 1 failed',
  ],
]

spec('test runner', it => {
  for (const [name, text, code, lastLine] of rows) {
    it(`reports ${name}`, () => {
      const file = join(scratch('runner'), 'case.test.ts')
      writeFileSync(file, `${text}\n`)
      const { status, stdout, stderr } = spawnSync(process.execPath, [runner, file], {
        encoding: 'utf8',
      })
      assert.is(stdout.trimEnd().split('\n').at(-1), lastLine, stdout + stderr)
      assert.is(status, code)
    })
  }

  it(
    'does not wait for what a test left open',
    () => {
      const file = join(scratch('runner'), 'case.test.ts')
      const forgotten = 'setInterval(() => {}, 1000)'
      writeFileSync(
        file,
        `import { spec } from ${helper}\nspec('s', it => { ${good} })\n${forgotten}\n`,
      )
      const { stdout } = spawnSync(process.execPath, [runner, file], { encoding: 'utf8' })
      assert.match(stdout, 'something is still open')
      assert.match(stdout, /1 passed, 1 failed\n$/)
    },
    endMsMax,
  )

  it('fails when no file matches', () => {
    const { status, stdout } = spawnSync(process.execPath, [runner, 'no-such-test'], {
      encoding: 'utf8',
    })
    assert.is(status, 1)
    assert.match(stdout, /\n?0 passed, 1 failed\n$/)
  })
})
