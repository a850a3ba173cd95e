// NKeys: Ed25519 keys written in base32 with a role prefix and a checksum (ADR-14 and the
// nkeys documentation). A server's id, a leaf node's identity and a user's signature are these.
//
//   public   prefix | 32 bytes of key | CRC-16 little-endian      → 56 characters, `U…`, `N…`
//   seed     1001 0ppp | pppp p000 | 32 bytes | CRC-16            → 58 characters, `SU…`, `SN…`
//            (the five bits of the seed prefix, then the eight of the role)
//
// Nothing here throws on bad input: what does not decode is null, or an unverified signature.

import {
  type KeyObject,
  createPrivateKey,
  createPublicKey,
  randomBytes,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto'

/** The first letter of a public key, by role. */
const roleBytes = {
  account: 0 << 3, // A
  cluster: 2 << 3, // C
  server: 13 << 3, // N
  operator: 14 << 3, // O
  user: 20 << 3, // U
} as const

export type Role = keyof typeof roleBytes

const seedByte = 18 << 3 // S
const keyBytes = 32

/** A key pair that can sign. */
export interface NKey {
  readonly role: Role
  /** `U…`, `N…`, …: safe to show. */
  readonly publicKey: string
  /** `SU…`: never logged. */
  readonly seed: string
  /** The 64 bytes of the Ed25519 signature. */
  sign(data: Buffer): Buffer
}

/** A fresh key pair. */
export function createNKey(role: Role): NKey {
  return nkeyOf(role, randomBytes(keyBytes))
}

/** The key pair of a seed, or null when the text is none. */
export function readSeed(text: string): NKey | null {
  const raw = unwrap(text, keyBytes + 2)
  if (raw === null) return null
  const first = raw[0] as number
  const second = raw[1] as number
  if ((first & 0xf8) !== seedByte) return null
  const role = roleOf(((first & 7) << 5) | (second >> 3))
  return role === null ? null : nkeyOf(role, raw.subarray(2))
}

/** True for a well-formed public key, of that role when one is named. */
export function isPublicKey(text: string, role?: Role): boolean {
  const key = readPublicKey(text)
  return key !== null && (role === undefined || key.role === role)
}

/** Checks an Ed25519 signature made by the holder of a public key. */
export function verifySignature(publicKey: string, data: Buffer, signature: Buffer): boolean {
  const key = readPublicKey(publicKey)
  if (key === null || signature.length !== 64) return false
  const object = createPublicKey({
    key: Buffer.concat([spkiHead, key.raw]),
    format: 'der',
    type: 'spki',
  })
  return verifyBytes(null, data, object, signature)
}

// RFC 8410: the fixed DER heads in front of 32 raw bytes.
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex')
const spkiHead = Buffer.from('302a300506032b6570032100', 'hex')

function nkeyOf(role: Role, raw: Buffer): NKey {
  const secret = createPrivateKey({
    key: Buffer.concat([pkcs8Head, raw]),
    format: 'der',
    type: 'pkcs8',
  })
  const byte = roleBytes[role]
  return {
    role,
    publicKey: wrap(Buffer.from([byte]), rawPublicKey(secret)),
    seed: wrap(Buffer.from([seedByte | (byte >> 5), (byte & 31) << 3]), raw),
    sign: data => signBytes(null, data, secret),
  }
}

function rawPublicKey(secret: KeyObject): Buffer {
  return createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(spkiHead.length)
}

function readPublicKey(text: string): { role: Role; raw: Buffer } | null {
  const raw = unwrap(text, keyBytes + 1)
  if (raw === null) return null
  const role = roleOf(raw[0] as number)
  return role === null ? null : { role, raw: raw.subarray(1) }
}

const curveByte = 23 << 3 // X

/** The 32 bytes of a public X25519 key `X…`, or null (nkeys, xkeys.go). */
export function readCurveKey(text: string): Buffer | null {
  const raw = unwrap(text, keyBytes + 1)
  return raw === null || raw[0] !== curveByte ? null : raw.subarray(1)
}

export function writeCurveKey(raw: Buffer): string {
  return wrap(Buffer.from([curveByte]), raw)
}

function roleOf(byte: number): Role | null {
  for (const role of Object.keys(roleBytes) as Role[]) if (roleBytes[role] === byte) return role
  return null
}

function wrap(head: Buffer, raw: Buffer): string {
  const body = Buffer.concat([head, raw, Buffer.alloc(2)])
  body.writeUInt16LE(crc16(body.subarray(0, -2)), body.length - 2)
  return encodeBase32(body)
}

/** The bytes under a checksum that holds, when there are exactly so many. */
function unwrap(text: string, size: number): Buffer | null {
  const body = decodeBase32(text)
  if (body === null || body.length !== size + 2) return null
  const raw = body.subarray(0, size)
  return crc16(raw) === body.readUInt16LE(size) ? raw : null
}

/** CRC-16/XMODEM: polynomial 0x1021, start 0. */
function crc16(data: Buffer): number {
  let crc = 0
  for (const byte of data) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 0x8000) !== 0 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff
    }
  }
  return crc
}

// RFC 4648 base32, without padding.
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

export function encodeBase32(data: Buffer): string {
  let text = ''
  let held = 0
  let bits = 0
  for (const byte of data) {
    held = (held << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += alphabet[(held >> bits) & 31]
    }
    held &= (1 << bits) - 1
  }
  return bits > 0 ? text + alphabet[(held << (5 - bits)) & 31] : text
}

const textMax = 64

function decodeBase32(text: string): Buffer | null {
  if (text.length > textMax) return null
  const data: number[] = []
  let held = 0
  let bits = 0
  for (const letter of text) {
    const value = alphabet.indexOf(letter)
    if (value === -1) return null
    held = (held << 5) | value
    bits += 5
    if (bits < 8) continue
    bits -= 8
    data.push((held >> bits) & 255)
    held &= (1 << bits) - 1
  }
  // Left-over bits must be zero and less than a letter, or two texts would name one key.
  return held === 0 && bits < 5 ? Buffer.from(data) : null
}
