import { startHub } from '../support/hub.ts'
import type { NatsVersion } from '../support/peers.ts'
import { freePort, isListening } from '../support/ports.ts'
import { startRouteDoor } from '../support/route-door.ts'
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
      const door = await startRouteDoor(`${blockOf(talk, -1)}\n${talk.config ?? ''}`)
      try {
        await talk.run(door)
      } finally {
        door.close()
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
