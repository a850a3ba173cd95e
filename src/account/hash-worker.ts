// The thread that computes bcrypt hashes: the only place that loads bcryptjs, and it runs only
// while somebody logs in with a password that the config keeps as a hash (hashes.ts).

import { parentPort } from 'node:worker_threads'
import { compareSync } from 'bcryptjs'

interface Question {
  readonly hash: string
  readonly offered: string
}

parentPort?.on('message', ({ hash, offered }: Question) => {
  parentPort?.postMessage(compareSync(offered, hash))
})
