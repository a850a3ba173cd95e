// What two servers of a cluster tell and bring each other: the same lines against our broker and
// real nats-servers, one expectation for all (reference 4.1).

import * as assert from 'uvu/assert'
import { dial, dialClient } from '../support/talk.ts'
import { greeted, hearsNot, joined, past, type RouteTalk, settled, spoke } from './route-peers.ts'

export const routeMessageTalks: readonly RouteTalk[] = [
  {
    name: 'greets with its cluster and its addresses',
    run: async ({ route, client }) => {
      const talk = await dial(route)
      const info = await talk.info()
      assert.is(info.cluster, 'C')
      assert.is(info.cluster_dynamic, undefined)
      assert.is(info.headers, true)
      assert.is(info.lnoc, true)
      assert.is(info.lnocu, true)
      assert.is(info.port, route)
      assert.equal(info.connect_urls, [`127.0.0.1:${client}`])
      assert.is(info.import, undefined)
      talk.close()
    },
  },
  {
    name: 'tells what clients subscribe to, and queues with their weight',
    run: async ({ route, client: clientPort }) => {
      const client = await dialClient(clientPort)
      client.send('SUB before 1\r\n')
      await client.sync()
      const { talk } = await greeted(route)
      await past(talk, 'RS+ $G before\r\n')
      await settled(talk)
      client.send('SUB a.* 2\r\nSUB a.* 3\r\nSUB q g 4\r\nSUB q g 5\r\nUNSUB 4\r\nUNSUB 5\r\n')
      client.send('UNSUB 2\r\nUNSUB 3\r\n')
      const lines = ['RS+ $G a.*', 'RS+ $G q g 1', 'RS+ $G q g 2', 'RS+ $G q g 1', 'RS- $G q g']
      for (const line of [...lines, 'RS- $G a.*']) await past(talk, `${line}\r\n`)
      client.send('SUB gone 6\r\n')
      await past(talk, 'RS+ $G gone\r\n')
      client.close()
      await past(talk, /RS- \$G (?:gone|before)\r\nRS- \$G (?:gone|before)\r\n/)
      talk.close()
    },
  },
  {
    name: 'carries messages both ways, with headers, replies and queues',
    run: async ({ route, client: clientPort }) => {
      const talk = await joined(route)
      const client = await dialClient(clientPort)
      client.send('SUB up.> 1\r\nSUB up.q g 2\r\n')
      await client.sync()
      talk.send('RS+ $G down.>\r\nRS+ $G work g 2\r\n')
      await settled(talk)
      talk.send('RMSG $G up.a 2\r\nhi\r\nRMSG $G up.b re.ply 0\r\n\r\n')
      talk.send('HMSG $G up.h 12 14\r\nNATS/1.0\r\n\r\nhi\r\n')
      talk.send('HMSG $G up.h r 12 12\r\nNATS/1.0\r\n\r\n\r\n')
      await client.expect('MSG up.a 1 2\r\nhi\r\nMSG up.b 1 re.ply 0\r\n\r\n')
      await client.expect('HMSG up.h 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n')
      await client.expect('HMSG up.h 1 r 12 12\r\nNATS/1.0\r\n\r\n\r\n')
      // Without a queue named only plain subscriptions have it.
      talk.send('RMSG $G up.q 1\r\na\r\n')
      await client.expect('MSG up.q 1 1\r\na\r\n')
      talk.send('RMSG $G up.q | g 1\r\nb\r\nRMSG $G up.q + r g 1\r\nc\r\n')
      const both = await client.expect(/^(?:MSG up\.q \d (?:r )?1\r\n[bc]\r\n){4}/)
      assert.is(both.split('MSG up.q 2').length, 3)
      // Of an account that is not here: dropped.
      talk.send('RMSG NOBODY up.a 1\r\nx\r\nRMSG $G up.a 1\r\ny\r\n')
      await client.expect('MSG up.a 1 1\r\ny\r\n')
      client.send('PUB down.a 2\r\nhi\r\nPUB down.b r 0\r\n\r\nPUB work 1\r\nx\r\n')
      client.send('PUB work rr 1\r\ny\r\nHPUB down.h 12 13\r\nNATS/1.0\r\n\r\nz\r\n')
      await past(talk, 'RMSG $G down.a 2\r\nhi\r\nRMSG $G down.b r 0\r\n\r\n')
      await talk.expect('RMSG $G work | g 1\r\nx\r\nRMSG $G work + rr g 1\r\ny\r\n')
      await talk.expect('HMSG $G down.h 12 13\r\nNATS/1.0\r\n\r\nz\r\n')
      talk.send('RS- $G down.>\r\nRS- $G work g\r\n')
      await settled(talk)
      client.send('PUB down.a 2\r\nhi\r\nPUB work 1\r\nx\r\n')
      await client.sync()
      await hearsNot(talk, /MSG \$G/)
      client.close()
      talk.close()
    },
  },
  {
    name: 'says so when nobody anywhere answers',
    run: async ({ route, client: clientPort }) => {
      const talk = await joined(route)
      talk.send('RS+ $G ask\r\n')
      await settled(talk)
      const client = await dialClient(clientPort)
      client.send('SUB in.* 1\r\nPUB ask in.1 0\r\n\r\n')
      await past(talk, 'RMSG $G ask in.1 0\r\n\r\n')
      talk.send('RMSG $G in.1 2\r\nok\r\n')
      await client.expect('MSG in.1 1 2\r\nok\r\n')
      talk.send('RS- $G ask\r\n')
      await settled(talk)
      client.send('PUB ask in.2 0\r\n\r\n')
      await client.expect(/^HMSG in\.2 1 \d+ \d+\r\nNATS\/1\.0 503\r\n/)
      client.close()
      talk.close()
    },
  },
  {
    name: 'picks queue members elsewhere by their weight',
    run: async ({ route, client: clientPort }) => {
      const [few, many] = [await joined(route), await joined(route)]
      few.send('RS+ $G work g 1\r\n')
      many.send('RS+ $G work g 9\r\n')
      await settled(few)
      await settled(many)
      const client = await dialClient(clientPort)
      client.send('PUB work 1\r\nx\r\n'.repeat(200))
      await client.sync()
      const counts = []
      for (const talk of [few, many]) {
        talk.send('PING\r\n')
        const heard = await talk.expect(/^[\s\S]*?PONG\r\n/)
        counts.push(heard.split('RMSG $G work | g 1\r\n').length - 1)
      }
      assert.is((counts[0] as number) + (counts[1] as number), 200)
      // 20 on average: 5 or 50 would be a chance of one in millions.
      assert.ok((counts[0] as number) > 3 && (counts[0] as number) < 50, String(counts))
      client.close()
      few.close()
      many.close()
    },
  },
  {
    name: 'passes nothing on from one route to another',
    run: async ({ route, client: clientPort }) => {
      const [a, b] = [await joined(route), await joined(route)]
      const client = await dialClient(clientPort)
      client.send('SUB x 1\r\n')
      await client.sync()
      b.send('RS+ $G x\r\nRS+ $G y\r\n')
      await settled(b)
      await hearsNot(a, /RS\+ \$G y/)
      a.send('RMSG $G x 1\r\n1\r\n')
      await client.expect('MSG x 1 1\r\n1\r\n')
      await hearsNot(b, /RMSG \$G x/)
      for (const talk of [a, b, client]) talk.close()
    },
  },
  {
    name: 'tells leaf nodes apart by their cluster, and sends nothing back to it',
    run: async ({ route, client: clientPort, leaf }) => {
      const talk = await joined(route)
      const red = await spoke(leaf, 'red')
      red.send('LS+ for.red\r\nLS+ q g 2\r\n')
      await past(talk, 'LS+ red $G for.red\r\nLS+ red $G q g 2\r\n')
      talk.send('LS+ red $G news\r\nLS+ blue $G news\r\nLS+ red $G only.red\r\n')
      await settled(talk)
      // From the red leaf: to the blue one behind the peer, named by its cluster.
      red.send('LMSG news 1\r\nb\r\n')
      red.send('HMSG news r 12 13\r\nNATS/1.0\r\n\r\nc\r\n')
      await past(talk, 'LMSG red $G news 0 1\r\nb\r\n')
      await talk.expect('LMSG red $G news r 12 13\r\nNATS/1.0\r\n\r\nc\r\n')
      const client = await dialClient(clientPort)
      client.send('SUB for.red 1\r\nPUB only.red 1\r\nd\r\n')
      await past(talk, 'RMSG $G only.red 1\r\nd\r\n')
      // What comes from a red leaf elsewhere does not go to ours.
      talk.send('LMSG red $G for.red 0 1\r\ne\r\nLMSG blue $G for.red 0 1\r\nf\r\n')
      await client.expect('MSG for.red 1 1\r\ne\r\nMSG for.red 1 1\r\nf\r\n')
      await past(red, 'LMSG for.red 1\r\nf\r\n')
      talk.send('LS- red $G only.red\r\n')
      await settled(talk)
      client.send('PUB only.red 1\r\ng\r\n')
      await client.sync()
      await hearsNot(talk, /only\.red/)
      red.close()
      await past(talk, /LS- red \$G (?:for\.red|q g)\r\n/)
      client.close()
      talk.close()
    },
  },
  {
    name: 'tells a peer without leaf clusters of leaf nodes as of clients',
    run: async ({ route, leaf }) => {
      const talk = await joined(route, { lnoc: false, lnocu: false }, { lnoc: false, lnocu: false })
      const red = await spoke(leaf, 'red')
      red.send('LS+ a\r\n')
      await past(talk, 'RS+ $G a\r\n')
      red.send('LS- a\r\n')
      await past(talk, 'RS- $G a\r\n')
      red.close()
      talk.close()
    },
  },
  {
    name: 'leaves out the cluster of LS- for a peer that does not know it there',
    run: async ({ route, leaf }) => {
      const talk = await joined(route, { lnocu: false }, { lnocu: false })
      const red = await spoke(leaf, 'red')
      red.send('LS+ a\r\n')
      await past(talk, 'LS+ red $G a\r\n')
      red.send('LS- a\r\n')
      await past(talk, 'LS- $G a\r\n')
      red.close()
      talk.close()
    },
  },
  {
    name: 'takes LS- without a cluster',
    run: async ({ route, client: clientPort }) => {
      const talk = await joined(route, { lnocu: false }, { lnocu: false })
      talk.send('LS+ red $G a\r\nLS+ red $G b\r\nLS-  $G a\r\n')
      await settled(talk)
      const client = await dialClient(clientPort)
      client.send('PUB a 1\r\nx\r\nPUB b 1\r\ny\r\n')
      await past(talk, 'RMSG $G b 1\r\ny\r\n')
      client.close()
      talk.close()
    },
  },
  {
    name: 'carries the subject of a JetStream delivery behind the reply',
    run: async ({ route, client: clientPort }) => {
      const talk = await joined(route)
      const client = await dialClient(clientPort)
      client.send('SUB in.1 1\r\n')
      await client.sync()
      talk.send('RMSG $G in.1 $JS.ACK.S.c.1.1.1.1.0@real.subject 1\r\nx\r\n')
      await client.expect('MSG real.subject 1 $JS.ACK.S.c.1.1.1.1.0 1\r\nx\r\n')
      client.close()
      talk.close()
    },
  },
]
