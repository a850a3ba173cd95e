// npm run demo: from a sensor to the cloud on one screen, without hardware.
//
//   recorded GPS --pty--> serial \
//                                 edge: stream on SQLite --leaf node--> link --> hub: stream
//   thermometer --MQTT QoS 1--> /                                  (cut for a while)
//
// Ends with exit code 0 when the hub has every reading once, in order and unchanged.
// `--online=ms --cut=ms --again=ms` change how long each act lasts.

import { connect } from '@nats-io/transport-node'
import { CutProxy } from '../support/cut-proxy.ts'
import { startEdge } from '../support/edge.ts'
import { startHub } from '../support/hub.ts'
import { install, natsServer, natsServerVersion } from '../support/peers.ts'
import { Cloud, keepAtEdge } from './cloud.ts'
import { Gps, Thermometer } from './devices.ts'
import { Screen } from './screen.ts'

const speakEveryMs = 25
const onlineMs = argument('online', 4000)
const cutMs = argument('cut', 6000)
const againMs = argument('again', 4000)
const settleMsMax = 60_000

const closers: (() => Promise<unknown> | unknown)[] = []
let isGood = false
try {
  install()
  isGood = await journey()
} finally {
  for (const close of closers.reverse()) await close()
}
process.exit(isGood ? 0 : 1)

async function journey(): Promise<boolean> {
  const screen = new Screen()
  screen.title([
    'GPS on a serial port, thermometer on MQTT  ->  nats-edge  ->  leaf node  ->  hub: nats-server',
    `hub: nats-server ${natsServerVersion(natsServer('newest'))}; the link to it is cut for ${cutMs / 1000} s`,
  ])
  const gps = new Gps()
  await gps.plug()
  closers.push(() => gps.unplug())
  // Told of the hub's own address, the edge would find a way around the cut.
  const hub = await startHub({ jetstream: 'hub', leaf: 'no_advertise: true' })
  closers.push(() => hub.stop())
  const link = new CutProxy()
  link.targetPort = hub.leafPort
  await link.start()
  closers.push(() => link.close())
  const edge = await startEdge({
    jetstream: 'edge',
    mqtt: true,
    remotes: [`nats-leaf://127.0.0.1:${link.port}`],
    conf: `serial { ports: [ { name: gps, path: "${gps.path}", subject: gps, output: raw } ] }`,
  })
  closers.push(() => edge.stop())
  await edge.process.waitFor('Serial port gps is open')
  const nats = await connect({ servers: edge.url })
  closers.push(() => nats.close())
  const stored = await keepAtEdge(nats)
  await edge.process.waitFor('Leafnode connection created')
  const cloud = new Cloud()
  await cloud.start(hub.url, 'edge')
  closers.push(() => cloud.close())
  const thermometer = new Thermometer()
  await thermometer.connect(edge.mqttPort)
  closers.push(() => thermometer.disconnect())
  await act({ gps, thermometer, link, cloud, stored, screen })
  return verdict(gps, thermometer, cloud, await stored())
}

interface Cast {
  readonly gps: Gps
  readonly thermometer: Thermometer
  readonly link: CutProxy
  readonly cloud: Cloud
  readonly stored: () => Promise<number>
  readonly screen: Screen
}

/** Online, cut, online again; then until everything has arrived, or has had time enough. */
async function act({ gps, thermometer, link, cloud, stored, screen }: Cast): Promise<void> {
  const startMs = performance.now()
  const talkMs = onlineMs + cutMs + againMs
  const expected = (2 * talkMs) / speakEveryMs
  let nextMs = 0
  let isUp = true
  for (;;) {
    const nowMs = performance.now() - startMs
    if (nowMs < talkMs) {
      for (; nextMs <= nowMs; nextMs += speakEveryMs) {
        gps.speak()
        thermometer.speak()
      }
      const wanted = nowMs < onlineMs || nowMs >= onlineMs + cutMs
      if (wanted && !isUp) link.up()
      if (!wanted && isUp) link.down()
      isUp = wanted
    }
    const isSaid = gps.flush() && thermometer.isIdle && nowMs >= talkMs
    const captured = gps.said.length + thermometer.acknowledged.length
    const counts = {
      seconds: nowMs / 1000,
      link: isUp ? 'up' : 'CUT',
      captured,
      stored: await stored(),
      delivered: cloud.arrived.size,
      duplicates: cloud.duplicates,
    } as const
    screen.show(counts, expected)
    if (isSaid && counts.stored === captured && counts.delivered >= captured) return
    if (nowMs > talkMs + settleMsMax) return
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}

/** Compares what the devices said with what the hub has, text by text. */
function verdict(gps: Gps, thermometer: Thermometer, cloud: Cloud, stored: number): boolean {
  const captured = gps.said.length + thermometer.acknowledged.length
  const inOrder = [...cloud.arrived].sort(([a], [b]) => a - b).map(([, arrived]) => arrived)
  const textsOf = (subject: string) =>
    inOrder.filter(one => one.subject === subject).map(one => one.text.trimEnd())
  const isSame =
    isEqual(textsOf('gps'), gps.said) &&
    isEqual(textsOf('sensors.kitchen'), thermometer.acknowledged)
  const delivered = cloud.arrived.size
  const lost = Math.max(0, captured - delivered)
  const isEnd = captured === stored && captured === delivered && cloud.duplicates === 0 && isSame
  console.log(
    `\ncaptured ${captured}  stored ${stored}  delivered ${delivered}  duplicates ${cloud.duplicates}  lost ${lost}`,
  )
  console.log(
    isEnd
      ? 'Every reading is on the hub once, in order and unchanged.'
      : 'NOT every reading is on the hub once, in order and unchanged.',
  )
  return isEnd
}

function isEqual(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((text, at) => text === right[at])
}

function argument(name: string, otherwise: number): number {
  const text = process.argv.find(one => one.startsWith(`--${name}=`))
  return text === undefined ? otherwise : Number(text.slice(name.length + 3))
}
