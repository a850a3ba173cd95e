// What a stream, a consumer or somebody else's stream may be called.

/** Names of streams and consumers: no white space, no '.', '*', '>'. */
export function isName(name: string): boolean {
  return name !== '' && !/[ \t\r\n\f\0.*>]/.test(name)
}

/** The same since 2.11: none of what separates folders either. */
export function isAssetName(name: string): boolean {
  return isName(name) && !/[\\/]/.test(name)
}
