import { startHub } from '../support/hub.ts'
import type { NatsVersion } from '../support/peers.ts'
import { startServer } from '../support/server.ts'
import { spec } from '../support/spec.ts'
import { operatorCalloutTalks, ownOperatorTalk, sealedOperatorTalk } from './operator-callouts.ts'

const talks = [...operatorCalloutTalks, await sealedOperatorTalk()]

spec('auth callout in operator mode', it => {
  for (const { name, config, run } of [...talks, ownOperatorTalk]) {
    it(name, async () => {
      const server = await startServer(config())
      try {
        await run(server.address.port)
      } finally {
        server.close()
        await server.operator?.close()
      }
    })
  }
})

for (const version of ['2.10', 'newest'] satisfies NatsVersion[]) {
  spec(`auth callout in operator mode of nats-server ${version}`, it => {
    for (const { name, config, run, isNew } of talks) {
      if (isNew && version === '2.10') continue
      it(name, async () => {
        const hub = await startHub({ version, conf: config() })
        try {
          await run(hub.port)
        } finally {
          await hub.stop()
        }
      }, 40_000)
    }
  })
}
