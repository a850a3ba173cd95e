import { newLeafRoom } from '../../src/server/leafnodes.ts'
import { startHub } from '../support/hub.ts'
import type { NatsVersion } from '../support/peers.ts'
import { startServer } from '../support/server.ts'
import { spec } from '../support/spec.ts'
import { leafTalks } from './leafs.ts'

spec('leaf talk', it => {
  for (const { name, config = '', leaf = '', run } of leafTalks) {
    it(name, async () => {
      const text = `leafnodes { listen: "127.0.0.1:-1"\n${leaf} }\n${config}`
      const server = await startServer(text)
      const room = newLeafRoom(server, null, false)
      try {
        await room.listener?.start()
        room.nodes.start()
        await run(room.listener?.address?.port ?? 0, server.address.port)
      } finally {
        room.listener?.close()
        room.nodes.close()
        server.close()
      }
    })
  }
})

for (const version of ['2.10', '2.15'] as const satisfies readonly NatsVersion[]) {
  spec(`leaf talk with nats-server ${version}`, it => {
    for (const { name, config = '', leaf = '', since, run } of leafTalks) {
      if (since !== undefined && since > version) continue
      it(name, async () => {
        const hub = await startHub({ version, leaf: leaf === '' ? true : leaf, conf: config })
        try {
          await run(hub.leafPort, hub.port)
        } finally {
          await hub.stop()
        }
      })
    }
  })
}
