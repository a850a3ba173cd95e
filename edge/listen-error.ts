// Why a listener could not start, in the words people search logs for.

const listenErrors: Readonly<Record<string, string>> = {
  EADDRINUSE: 'address already in use',
  EACCES: 'permission denied',
  EADDRNOTAVAIL: 'cannot assign requested address',
}

/** In Go's words: `listen tcp 0.0.0.0:4222: bind: address already in use`. */
export function listenError(error: NodeJS.ErrnoException, host: string, port: number): string {
  const why = listenErrors[error.code ?? '']
  return why ? `listen tcp ${host}:${port}: bind: ${why}` : error.message
}
