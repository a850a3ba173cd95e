// What a room needs to say something. The writer behind it is server/logger.ts.

export interface Log {
  /** True when debug lines are wanted: ask before building an expensive text. */
  readonly debugOn: boolean
  readonly traceOn: boolean
  info(text: string): void
  warn(text: string): void
  error(text: string): void
  debug(text: string): void
  trace(text: string): void
}

/** Says nothing; for tests and for rooms that run without a server. */
export const silentLog: Log = {
  debugOn: false,
  traceOn: false,
  info() {},
  warn() {},
  error() {},
  debug() {},
  trace() {},
}
