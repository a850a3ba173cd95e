// The names that configs have for TLS suites and curves, and OpenSSL's for the same.
//
// Configs are written in the names of Go's crypto/tls (reference 2.10), which are IANA's. What Go
// calls insecure needs `allow_insecure_cipher_suites`; what this OpenSSL was built without is left
// out of the list, and a list of which nothing stays is an error.

interface Suite {
  readonly name: string
  readonly isInsecure: boolean
}

const good = (name: string): Suite => ({ name, isInsecure: false })
const bad = (name: string): Suite => ({ name, isInsecure: true })

export const cipherSuites: ReadonlyMap<string, Suite> = new Map([
  ['TLS_AES_128_GCM_SHA256', good('TLS_AES_128_GCM_SHA256')],
  ['TLS_AES_256_GCM_SHA384', good('TLS_AES_256_GCM_SHA384')],
  ['TLS_CHACHA20_POLY1305_SHA256', good('TLS_CHACHA20_POLY1305_SHA256')],
  ['TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA', good('ECDHE-ECDSA-AES128-SHA')],
  ['TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA', good('ECDHE-ECDSA-AES256-SHA')],
  ['TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA', good('ECDHE-RSA-AES128-SHA')],
  ['TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA', good('ECDHE-RSA-AES256-SHA')],
  ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', good('ECDHE-ECDSA-AES128-GCM-SHA256')],
  ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', good('ECDHE-ECDSA-AES256-GCM-SHA384')],
  ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', good('ECDHE-RSA-AES128-GCM-SHA256')],
  ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', good('ECDHE-RSA-AES256-GCM-SHA384')],
  ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', good('ECDHE-RSA-CHACHA20-POLY1305')],
  ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', good('ECDHE-ECDSA-CHACHA20-POLY1305')],
  ['TLS_RSA_WITH_RC4_128_SHA', bad('RC4-SHA')],
  ['TLS_RSA_WITH_3DES_EDE_CBC_SHA', bad('DES-CBC3-SHA')],
  ['TLS_RSA_WITH_AES_128_CBC_SHA', bad('AES128-SHA')],
  ['TLS_RSA_WITH_AES_256_CBC_SHA', bad('AES256-SHA')],
  ['TLS_RSA_WITH_AES_128_CBC_SHA256', bad('AES128-SHA256')],
  ['TLS_RSA_WITH_AES_128_GCM_SHA256', bad('AES128-GCM-SHA256')],
  ['TLS_RSA_WITH_AES_256_GCM_SHA384', bad('AES256-GCM-SHA384')],
  ['TLS_ECDHE_ECDSA_WITH_RC4_128_SHA', bad('ECDHE-ECDSA-RC4-SHA')],
  ['TLS_ECDHE_RSA_WITH_RC4_128_SHA', bad('ECDHE-RSA-RC4-SHA')],
  ['TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA', bad('ECDHE-RSA-DES-CBC3-SHA')],
  ['TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256', bad('ECDHE-ECDSA-AES128-SHA256')],
  ['TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256', bad('ECDHE-RSA-AES128-SHA256')],
])

export const curves: ReadonlyMap<string, string> = new Map([
  ['X25519MLKEM768', 'X25519MLKEM768'],
  ['SecP256r1MLKEM768', 'SecP256r1MLKEM768'],
  ['SecP384r1MLKEM1024', 'SecP384r1MLKEM1024'],
  ['X25519', 'X25519'],
  ['CurveP256', 'prime256v1'],
  ['CurveP384', 'secp384r1'],
  ['CurveP521', 'secp521r1'],
])

/** Those of TLS 1.3 stay whatever a list says: in Go they cannot be chosen. */
const always = [...cipherSuites.keys()].filter(name => !name.includes('_WITH_'))

/** OpenSSL's list; throws when nothing of it is there. */
export function cipherList(names: readonly string[]): string {
  const known = new Set(process.getBuiltinModule('node:tls').getCiphers())
  const older = names.filter(name => name.includes('_WITH_')).map(nameOf)
  const found = older.filter(name => known.has(name.toLowerCase()))
  if (older.length > 0 && found.length === 0) {
    throw new Error(`none of the cipher_suites is known here: ${names.join(', ')}`)
  }
  return [...always, ...found].join(':')
}

function nameOf(name: string): string {
  return cipherSuites.get(name)?.name ?? name
}

/** OpenSSL's list of curves; throws when nothing of it is there. */
export function curveList(names: readonly string[]): string {
  const found = names.map(name => curves.get(name) ?? name).filter(isCurve)
  if (found.length === 0) {
    throw new Error(`none of the curve_preferences is known here: ${names.join(', ')}`)
  }
  return found.join(':')
}

function isCurve(ecdhCurve: string): boolean {
  try {
    process.getBuiltinModule('node:tls').createSecureContext({ ecdhCurve })
    return true
  } catch {
    return false
  }
}

/** Of the names above those that this OpenSSL has, as a config writes them. */
export function namesHere(): { good: string[]; insecure: string[]; curves: string[] } {
  const known = new Set(process.getBuiltinModule('node:tls').getCiphers())
  const here = [...cipherSuites].filter(([, { name }]) => known.has(name.toLowerCase()))
  const namesOf = (isInsecure: boolean) =>
    here.filter(([, suite]) => suite.isInsecure === isInsecure).map(([name]) => name)
  return {
    good: namesOf(false),
    insecure: namesOf(true),
    curves: [...curves].filter(([, name]) => isCurve(name)).map(([name]) => name),
  }
}
