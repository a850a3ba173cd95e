// A Message to be filled in: for whoever reuses one for everything it publishes.

import type { Message } from '../message.ts'

const nothing = Buffer.alloc(0)

export function emptyMessage(): Message {
  return {
    subject: '',
    target: '',
    reply: '',
    chunk: nothing,
    lineStart: -1,
    bodyStart: 0,
    payloadStart: 0,
    payloadEnd: 0,
    queues: null,
    receipt: null,
    match: null,
  }
}
