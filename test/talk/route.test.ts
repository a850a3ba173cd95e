import { newLeafRoom } from '../../src/server/leafnodes.ts'
import { RouteRoom } from '../../src/server/routes.ts'
import { startHub } from '../support/hub.ts'
import type { NatsVersion } from '../support/peers.ts'
import { freePort, isListening } from '../support/ports.ts'
import { startServer } from '../support/server.ts'
import { spec } from '../support/spec.ts'
import { nameless, type RouteTalk } from './route-peers.ts'
import { routeRuleTalks } from './route-rules.ts'
import { routeMessageTalks } from './routes.ts'

const routeTalks = [...routeMessageTalks, ...routeRuleTalks]

function blockOf({ cluster = '' }: RouteTalk, port: number): string {
  const name = cluster === nameless ? '' : `name: C\n${cluster}`
  return `cluster { listen: "127.0.0.1:${port}"\n${name} }`
}

spec('route talk', it => {
  for (const talk of routeTalks) {
    it(talk.name, async () => {
      const leafs = 'leafnodes { listen: "127.0.0.1:-1" }'
      const server = await startServer(`${blockOf(talk, -1)}\n${leafs}\n${talk.config ?? ''}`)
      const { cluster: options } = server.options
      if (options === null) throw new Error('no cluster')
      const room = new RouteRoom({
        server,
        options,
        webSocketUrls: () => [],
        hasStore: () => false,
      })
      server.cluster = room
      server.observers.add(room)
      const leafRoom = newLeafRoom(server, null, false)
      try {
        await room.start()
        await leafRoom.listener?.start()
        leafRoom.nodes.start()
        await talk.run({
          route: room.address?.port ?? 0,
          client: server.address.port,
          leaf: leafRoom.listener?.address?.port ?? 0,
        })
      } finally {
        leafRoom.listener?.close()
        leafRoom.nodes.close()
        room.close()
        server.close()
      }
    })
  }
})

for (const version of ['2.10', '2.15'] as const satisfies readonly NatsVersion[]) {
  spec(`route talk with nats-server ${version}`, it => {
    for (const talk of routeTalks) {
      if (talk.since !== undefined && talk.since > version) continue
      it(talk.name, async () => {
        const route = await freePort()
        const conf = `${blockOf(talk, route)}\n${talk.config ?? ''}`
        const hub = await startHub({ version, leaf: true, conf })
        try {
          // It says that it is ready a moment before.
          while (!(await isListening(route))) await new Promise(resolve => setTimeout(resolve, 5))
          await talk.run({ route, client: hub.port, leaf: hub.leafPort })
        } finally {
          await hub.stop()
        }
      })
    }
  })
}
