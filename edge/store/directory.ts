// A directory whose names survive a power cut.

import * as fs from 'node:fs'

/** Makes names that were created, renamed or removed in a directory survive a power cut. */
export function syncDirectory(dir: string): void {
  const fd = fs.openSync(dir, 'r')
  try {
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}
