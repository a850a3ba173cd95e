// A client that never connects, kept for as long as the server lives.
//
// V8 forgets the shape of objects of which none is left, and with it the code it made for them.
// Then the first clients after a while without any run at a third of their speed, for seconds,
// until all of it is learned again. One that stays keeps the shape.
// bench: core 16 B 1:0 followed by 1:1.

import { Socket } from 'node:net'
import { newSubscription } from '../broker/post.ts'
import { Client } from './client.ts'
import type { LinkContext } from './context.ts'
import { LinkSocket } from './socket.ts'

export function newResident(context: LinkContext): Client {
  const client = new Client(context, new LinkSocket(new Socket()), 0)
  client.subscriptions.set('', newSubscription('resident', client))
  return client
}
