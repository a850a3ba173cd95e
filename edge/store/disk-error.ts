// Telling trouble with the disk from a bug of ours.

/** Trouble with the disk, as SQLite or the system reports it; anything else is a bug of ours. */
export function isDiskError(error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  const code = (error as { code?: unknown }).code
  if (typeof code !== 'string') return false
  return /^(SQLITE_(FULL|IOERR|READONLY|CANTOPEN|CORRUPT|NOMEM)|ENOSPC|EIO|EDQUOT|EROFS)/.test(code)
}

/** The disk is full: removing something helps. */
export function isFull(error: Error): boolean {
  return /^(SQLITE_FULL|ENOSPC|EDQUOT)/.test(String((error as { code?: unknown }).code))
}
