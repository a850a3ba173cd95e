import { startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import { spec } from '../support/spec.ts'
import { systemConf, systemTalks } from './system-talks.ts'

spec('system account', (it, hooks) => {
  const started = startEdge({ conf: systemConf })
  hooks.after(async () => void (await (await started).stop()))
  for (const { name, run } of systemTalks) it(name, async () => run((await started).port))
})

spec('system account of nats-server', (it, hooks) => {
  const started = startHub({ version: '2.10', conf: systemConf })
  hooks.after(async () => void (await (await started).stop()))
  for (const { name, run } of systemTalks) it(name, async () => run((await started).port))
})
