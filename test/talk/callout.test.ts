import { startCallout } from '../../src/server/callout-mode.ts'
import { startHub } from '../support/hub.ts'
import type { NatsVersion } from '../support/peers.ts'
import { startServer } from '../support/server.ts'
import { spec } from '../support/spec.ts'
import { calloutTalks, ownTalks, sealedTalk } from './callouts.ts'

const talks = [...calloutTalks, await sealedTalk()]

spec('auth callout', it => {
  for (const { name, config, run } of [...talks, ...ownTalks]) {
    it(name, async () => {
      const server = await startServer(config())
      try {
        await startCallout(server)
        await run(server.address.port)
      } finally {
        server.close()
      }
    })
  }
})

for (const version of ['2.10', 'newest'] satisfies NatsVersion[]) {
  spec(`auth callout of nats-server ${version}`, it => {
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
