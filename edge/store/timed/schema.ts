// What is due when, of all streams: one row for each message that has a time of its own.
//
//   kind 0  a TTL: due by the store's steady time (time.ts), which no jump of the clock moves
//   kind 1  a schedule, with its subject: due by the clock on the wall
//   kind 2  seq 0: messages from `due` on are still to be searched for headers with a time
//
// Invariants:
//   T1  A row belongs to a stream, and is written and taken away in the transaction that does so
//       with its message; rows whose message went with many others follow later, and never are
//       there more than twice as many as messages with a time (plus sweptSlackRows of sweep.ts).
//   T2  A subject has at most one schedule.

/** For prepareSchema: run at every start. */
export const timedTables: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS timed(stream INTEGER NOT NULL, kind INTEGER NOT NULL,
     seq INTEGER NOT NULL, due INTEGER NOT NULL, subject TEXT,
     PRIMARY KEY(stream, kind, seq)) WITHOUT ROWID`,
  'CREATE INDEX IF NOT EXISTS timed_due ON timed(stream, kind, due)',
  `CREATE UNIQUE INDEX IF NOT EXISTS timed_subject ON timed(stream, subject)
     WHERE subject IS NOT NULL`,
]

export const kinds = { ttl: 0, schedule: 1, search: 2 } as const
export type Kind = (typeof kinds)[keyof typeof kinds]

export const countAndFirst = 'SELECT count(*), min(due) FROM timed WHERE stream = ? AND kind = ?'
export const rowsDue = `SELECT seq, due FROM timed WHERE stream = ? AND kind = ? AND due <= ?
  ORDER BY due, seq LIMIT ? OFFSET ?`
export const rowsFrom = `SELECT seq, due FROM timed WHERE stream = ? AND kind = ? AND seq >= ?
  ORDER BY seq LIMIT ?`
export const rowOf = 'SELECT due FROM timed WHERE stream = ? AND kind = ? AND seq = ?'
export const rowOn = 'SELECT seq FROM timed WHERE stream = ? AND subject = ?'
export const insertRow = 'INSERT OR IGNORE INTO timed VALUES(?, ?, ?, ?, ?)'
export const updateRow = `UPDATE timed SET due = ? WHERE stream = ? AND kind = ? AND seq = ?`
export const deleteRow = 'DELETE FROM timed WHERE stream = ? AND kind = ? AND seq = ?'
export const deleteRows = 'DELETE FROM timed WHERE stream = ?'
