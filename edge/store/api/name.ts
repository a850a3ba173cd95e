// What a stream, a consumer or somebody else's stream may be called.

/** Names of streams and consumers: no white space, no '.', '*', '>'. */
export function isName(name: string): boolean {
  return name !== '' && !/[ \t\r\n\f\0.*>]/.test(name)
}
