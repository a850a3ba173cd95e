// The program with a `backup` block: it copies its store while it runs, shows that, and goes on
// from a copy that was put in the place of the store.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { connect } from '@nats-io/transport-node'
import * as assert from 'uvu/assert'
import { scratch } from '../support/directory.ts'
import { startEdge } from '../support/edge.ts'
import { spec } from '../support/spec.ts'

spec('peer/store-copies', it => {
  it('copies the store, shows it, and starts from the copy', async () => {
    const dir = scratch('copies')
    const edge = await startEdge({
      jetstream: true,
      jetstreamConf: `backup { dir: "${dir}", schedule: "@every 2s", keep: 2 }`,
      mqtt: true,
      monitor: true,
    })
    try {
      const nc = await connect({ servers: edge.url })
      const create = JSON.stringify({ name: 'S', subjects: ['s'] })
      await nc.request('$JS.API.STREAM.CREATE.S', create)
      await nc.request('s', 'before')
      const view = async () => {
        const text = await fetch(`http://127.0.0.1:${edge.monitorPort}/edgez`)
        const { store } = (await text.json()) as { store: { backup: Record<string, unknown> } }
        return store.backup
      }
      assert.is((await view()).copies, 0)
      while (Number((await view()).successes) < 1) await after(200)
      const [copy = ''] = fs.readdirSync(dir).filter(name => name.endsWith('.db'))
      const kept = path.join(scratch('kept'), copy)
      fs.copyFileSync(path.join(dir, copy), kept)
      await nc.request('s', 'after')
      while (Number((await view()).successes) < 3) await after(200)
      assert.is((await view()).copies, 2)
      assert.is((await view()).failures, 0)
      const text = await (await fetch(`http://127.0.0.1:${edge.monitorPort}/metrics`)).text()
      assert.match(text, /nats_edge_store_backups_total 3/)
      assert.match(text, /nats_edge_store_backup_last_success_timestamp_seconds 1\d{9}/)
      await nc.close()
      assert.is((await edge.stop()).code, 0)

      const store = path.join(edge.dir, 'store', 'jetstream', 'store.db')
      fs.copyFileSync(kept, store)
      for (const end of ['-wal', '-shm']) fs.rmSync(store + end, { force: true })
      await edge.restart()
      const again = await connect({ servers: edge.url })
      const info = await again.request('$JS.API.STREAM.INFO.S')
      assert.is(info.json<{ state: { messages: number } }>().state.messages, 1)
      const ack = await again.request('s', 'other')
      assert.is(ack.json<{ seq: number }>().seq, 2)
      const health = await fetch(`http://127.0.0.1:${edge.monitorPort}/healthz`)
      assert.is(health.status, 200)
      await again.close()
    } finally {
      await edge.stop()
    }
  }, 60_000)
})

const after = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))
