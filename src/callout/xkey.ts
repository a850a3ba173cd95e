// XKeys: X25519 keys written as nkeys (`X…`), and what is sealed with them (nkeys, xkeys.go).
//
//   "xkv1" | 24 bytes of nonce | NaCl box: X25519, XSalsa20, Poly1305
//
// tweetnacl is loaded with the first key: Node has the curve but not the cipher.

import { readCurveKey, writeCurveKey } from '../account/nkey.ts'

export interface XKey {
  /** `X…`: safe to show. */
  readonly publicKey: string
  /** For the holder of the key `to`, a curve key. */
  seal(data: Buffer, to: string): Buffer
  /** null: not sealed for us by the holder of `from`. */
  open(data: Buffer, from: string): Buffer | null
}

const version = Buffer.from('xkv1')

export async function newXKey(): Promise<XKey> {
  const { default: nacl } = await import('tweetnacl')
  const { publicKey, secretKey } = nacl.box.keyPair()
  const nonceBytes = nacl.box.nonceLength
  return {
    publicKey: writeCurveKey(Buffer.from(publicKey)),
    seal: (data, to) => {
      const theirs = readCurveKey(to)
      if (theirs === null) throw new Error(`not a curve key: ${to}`)
      const nonce = nacl.randomBytes(nonceBytes)
      return Buffer.concat([version, nonce, nacl.box(data, nonce, theirs, secretKey)])
    },
    open: (data, from) => {
      const theirs = readCurveKey(from)
      const boxAt = version.length + nonceBytes
      if (theirs === null || data.length <= boxAt || !data.subarray(0, 4).equals(version))
        return null
      const nonce = data.subarray(version.length, boxAt)
      const opened = nacl.box.open(data.subarray(boxAt), nonce, theirs, secretKey)
      return opened === null ? null : Buffer.from(opened)
    },
  }
}
