// The process whose power is cut: streams of every kind, consumers and MQTT sessions at work, and
// an event file on which it says what it told the world (tell.ts). Run under strace by
// trial.ts.

import * as fs from 'node:fs'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { Consuming } from './consuming.ts'
import { Devices } from './devices.ts'
import { Publishing } from './publishing.ts'
import { Dice, Tell } from './tell.ts'
import { Timing } from './timing.ts'
import { World, turn } from './world.ts'

const [base = '', events = '', roundsText = '', sabotage = ''] = process.argv.slice(2)
const rounds = Number(roundsText)
/** Time that passes with a round. */
const roundMs = 40

/** What a store without its fdatasync, or with a part of it, would do: the test must notice. */
if (sabotage !== '') {
  const patched = createRequire(import.meta.url)('node:fs') as { fdatasync: unknown }
  const { fdatasync } = fs
  patched.fdatasync = (fd: number, done: (error: Error | null) => void) => {
    const spared = sabotage === 'no-file-sync' && fs.readlinkSync(`/proc/self/fd/${fd}`)
    if (spared && !spared.endsWith('store.db')) fdatasync(fd, done)
    else setImmediate(() => done(null))
  }
  syncBuiltinESMExports()
}

const world = new World(base)
const tell = new Tell(events)
const dice = new Dice()
await world.start()
const work = [
  new Publishing(world, tell, dice),
  new Consuming(world, tell, dice),
  new Devices(world, tell, dice),
  new Timing(world, tell),
] as const
await work[0].start()
await work[1].start()
await work[3].start()
await world.onDisk()
tell.now('S')

for (let round = 0; round < rounds; round++) {
  for (const one of work) one.round(round)
  if (round % 13 === 12) vacuum()
  world.clock.advance(roundMs)
  if (round % 3 === 0) await world.onDisk()
  else await turn()
}
await world.quiet()
await world.close()

/** Gives free pages back to the system, where the database is made so that it can. */
function vacuum(): void {
  const { commit, db } = world.store
  const isIncremental = Number(db.value('PRAGMA auto_vacuum')) === 2
  if (isIncremental) commit.write(() => db.exec('PRAGMA incremental_vacuum(8)'))
}
