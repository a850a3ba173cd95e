// A creds file: a user's JWT and the seed of the user's key, each framed by lines of dashes as
// `nsc` writes them. The first framed block is the JWT, the second the seed, whatever the frames
// are called.

import { type NKey, readSeed } from './nkey.ts'

export interface Creds {
  /** Shown to the server as it is; not checked here. */
  readonly jwt: string
  readonly key: NKey
}

/** What a creds file holds, or a text that says what is wrong with it. */
export function readCreds(text: string): Creds | string {
  const blocks = framedBlocks(text)
  const [jwt, seed] = blocks
  if (jwt === undefined || seed === undefined) return 'Credentials file malformed'
  const key = readSeed(seed)
  return key === null ? 'Credentials file has malformed seed' : { jwt, key }
}

/** The text of a creds file, for tests and tools that make one. */
export function writeCreds(jwt: string, seed: string): string {
  return [
    '-----BEGIN NATS USER JWT-----',
    jwt,
    '------END NATS USER JWT------',
    '',
    '-----BEGIN USER NKEY SEED-----',
    seed,
    '------END USER NKEY SEED------',
    '',
  ].join('\n')
}

const frame = /^-{3,}.*-{3,}$/

/** One-line blocks between two frames. */
function framedBlocks(text: string): string[] {
  const lines = text.split('\n').map(line => line.trim())
  const blocks: string[] = []
  for (let i = 1; i + 1 < lines.length; i++) {
    const line = lines[i] as string
    const isFramed = frame.test(lines[i - 1] as string) && frame.test(lines[i + 1] as string)
    if (isFramed && /^[\w\-.=]+$/.test(line) && !frame.test(line)) blocks.push(line)
  }
  return blocks
}
