// A folder of JWTs: what is kept, what goes, and what somebody else does to the files.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { createNKey } from '../../src/account/nkey.ts'
import { FakeClock, realClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { Directory, type DirectoryParts } from '../../src/operator/directory.ts'
import { scratch } from '../support/directory.ts'
import { newAccount } from '../support/jwt.ts'
import { spec } from '../support/spec.ts'

const operator = createNKey('operator')

function newDirectory(more: Partial<DirectoryParts> = {}) {
  const changes: string[] = []
  const deletions: string[] = []
  const path = more.path ?? scratch('jwts')
  const directory = new Directory({
    filesMax: Number.POSITIVE_INFINITY,
    isCache: false,
    ttlMs: 0,
    deletes: 'no',
    clock: realClock,
    log: silentLog,
    changed: account => changes.push(account),
    deleted: account => deletions.push(account),
    ...more,
    path,
  })
  return { directory, path, changes, deletions }
}

const files = (path: string) => readdirSync(path).sort()

spec('directory', it => {
  it('keeps a token as a whole file, and finds it after a start', async () => {
    const account = newAccount(operator)
    const jwt = account.jwt()
    const first = newDirectory()
    await first.directory.start()
    assert.is(await first.directory.save(account.publicKey, jwt), null)
    assert.equal(first.changes, [account.publicKey])
    assert.equal(files(first.path), [`${account.publicKey}.jwt`])
    await first.directory.close()
    const second = newDirectory({ path: first.path })
    await second.directory.start()
    assert.is(await second.directory.load(account.publicKey), jwt)
    assert.equal(second.directory.hash, first.directory.hash)
    assert.equal(second.changes, [])
    await second.directory.close()
  })

  it('makes the folder, and leaves what is no token alone', async () => {
    const path = join(scratch('jwts'), 'a', 'b')
    mkdirSync(path, { recursive: true })
    writeFileSync(join(path, 'README.jwt'), 'x')
    writeFileSync(join(path, `${newAccount(operator).publicKey}.txt`), 'x')
    const { directory } = newDirectory({ path })
    await directory.start()
    assert.equal(directory.accounts, [])
    assert.is(await directory.load('../../etc/passwd'), null)
    assert.is(await directory.save('../x', 'y'), 'invalid public key')
    await directory.close()
  })

  it('says nothing of a token that is there already', async () => {
    const account = newAccount(operator)
    const jwt = account.jwt()
    const { directory, changes } = newDirectory()
    await directory.start()
    await directory.save(account.publicKey, jwt)
    await directory.save(account.publicKey, jwt)
    assert.is(changes.length, 1)
    await directory.close()
  })

  it('takes an older token only when it must', async () => {
    const account = newAccount(operator)
    const older = account.jwt({}, { iat: 100 })
    const newer = account.jwt({}, { iat: 200 })
    const { directory } = newDirectory()
    await directory.start()
    await directory.saveIfNewer(account.publicKey, newer)
    assert.is(await directory.saveIfNewer(account.publicKey, older), null)
    assert.is(await directory.load(account.publicKey), newer)
    await directory.save(account.publicKey, older)
    assert.is(await directory.load(account.publicKey), older)
    assert.match(String(await directory.saveIfNewer(account.publicKey, 'x')), /chunks/)
    await directory.close()
  })

  it('is full at its limit, and takes updates all the same', async () => {
    const [one, two] = [newAccount(operator), newAccount(operator)]
    const { directory } = newDirectory({ filesMax: 1 })
    await directory.start()
    assert.is(await directory.save(one.publicKey, one.jwt()), null)
    assert.is(await directory.save(two.publicKey, two.jwt()), 'jwt store is full')
    assert.is(await directory.save(one.publicKey, one.jwt()), null)
    await directory.close()
  })

  it('as a cache lets the longest unused go', async () => {
    const [a, b, c] = [newAccount(operator), newAccount(operator), newAccount(operator)]
    const { directory } = newDirectory({ filesMax: 2, isCache: true, deletes: 'hard' })
    await directory.start()
    await directory.save(a.publicKey, a.jwt())
    await directory.save(b.publicKey, b.jwt())
    await directory.load(a.publicKey)
    assert.is(await directory.save(c.publicKey, c.jwt()), null)
    assert.equal(directory.accounts, [a.publicKey, c.publicKey].sort())
    await directory.close()
  })

  it('as a cache forgets after its time, however the wall clock jumps', async () => {
    const clock = new FakeClock()
    const account = newAccount(operator)
    const { directory, path } = newDirectory({ isCache: true, ttlMs: 60_000, clock })
    await directory.start()
    await directory.save(account.publicKey, account.jwt())
    clock.jump(50 * 365 * 86_400_000)
    clock.advance(31_000)
    await directory.save(account.publicKey, account.jwt())
    assert.equal(directory.accounts, [account.publicKey])
    clock.advance(120_000)
    await directory.saveIfNewer(account.publicKey, 'x')
    assert.equal(directory.accounts, [])
    assert.equal(files(path), [])
    await directory.close()
  })

  it('offers no expired token, and keeps it: the clock may be wrong', async () => {
    const clock = new FakeClock(1_000_000)
    const account = newAccount(operator)
    const { directory, path } = newDirectory({ clock })
    await directory.start()
    await directory.save(account.publicKey, account.jwt({}, { exp: 2000 }))
    assert.equal(directory.accounts, [account.publicKey])
    clock.jump(3_000_000)
    assert.equal(directory.accounts, [])
    assert.equal(directory.hash, Buffer.alloc(32))
    assert.is(files(path).length, 1)
    clock.jump(-3_000_000)
    assert.equal(directory.accounts, [account.publicKey])
    await directory.close()
  })

  for (const [deletes, left] of [
    ['rename', 1],
    ['hard', 0],
  ] as const) {
    it(`deletes: ${deletes}`, async () => {
      const account = newAccount(operator)
      const { directory, path, deletions } = newDirectory({ deletes })
      await directory.start()
      await directory.save(account.publicKey, account.jwt())
      assert.is(await directory.delete(account.publicKey), null)
      assert.equal(deletions, [account.publicKey])
      assert.is(await directory.load(account.publicKey), null)
      assert.is(files(path).length, left)
      assert.is(await directory.delete(account.publicKey), null)
      assert.is(deletions.length, 1)
      await directory.close()
    })
  }

  it('does not delete where it may not', async () => {
    const account = newAccount(operator)
    const { directory } = newDirectory()
    await directory.start()
    await directory.save(account.publicKey, account.jwt())
    assert.is(await directory.delete(account.publicKey), 'store is not set up to for delete')
    await directory.close()
  })

  it('notices files that others write and take away', async () => {
    const clock = new FakeClock()
    const [a, b] = [newAccount(operator), newAccount(operator)]
    const { directory, path, changes } = newDirectory({ clock })
    await directory.start()
    await directory.save(a.publicKey, a.jwt())
    writeFileSync(join(path, `${b.publicKey}.jwt`), `${b.jwt()}\n`)
    rmSync(join(path, `${a.publicKey}.jwt`))
    clock.advance(60_000)
    await directory.saveIfNewer(b.publicKey, 'x')
    assert.equal(changes, [a.publicKey, b.publicKey])
    assert.equal(directory.accounts, [b.publicKey])
    assert.is(
      await directory.load(b.publicKey),
      readFileSync(join(path, `${b.publicKey}.jwt`), 'utf8').trim(),
    )
    await directory.close()
  })

  it('says why it cannot write', async () => {
    const account = newAccount(operator)
    const { directory, path } = newDirectory()
    await directory.start()
    rmSync(path, { recursive: true })
    assert.match(String(await directory.save(account.publicKey, account.jwt())), /ENOENT/)
    await directory.close()
  })
})
