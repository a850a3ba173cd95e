// The consumers' tables. A consumer is named by account, stream and name; what it waits for is
// kept in chunks of 256 stream sequences, one row for each chunk that holds anything:
//
//   consumer_pending.entries  [offset, consumer sequence, deliveries, offset, …] as JSON,
//                             deliveries negative for a message that was given up
//
// Invariants of these tables:
//   C1  One consumer of a name in a stream.
//   C2  The floor is not above delivered; neither goes down but by a reset.
//   C3  A chunk belongs to a consumer, and its entries lie above the floor unless given up.
//   C4  What was acknowledged is in no chunk, and nothing unacknowledged up to `delivered` is
//       missing: state and chunks of a consumer change in one transaction.

/** For prepareSchema: run at every start. */
export const consumerTables: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS consumer(id INTEGER PRIMARY KEY, account TEXT NOT NULL,
     stream TEXT NOT NULL, name TEXT NOT NULL, created INTEGER NOT NULL, config TEXT NOT NULL,
     delivered_consumer INTEGER NOT NULL DEFAULT 0, delivered_stream INTEGER NOT NULL DEFAULT 0,
     floor_consumer INTEGER NOT NULL DEFAULT 0, floor_stream INTEGER NOT NULL DEFAULT 0,
     skip_until INTEGER NOT NULL DEFAULT 0, last_delivered INTEGER NOT NULL DEFAULT 0,
     last_acked INTEGER NOT NULL DEFAULT 0, UNIQUE(account, stream, name))`,
  `CREATE TABLE IF NOT EXISTS consumer_pending(consumer INTEGER NOT NULL, chunk INTEGER NOT NULL,
     entries TEXT NOT NULL, PRIMARY KEY(consumer, chunk)) WITHOUT ROWID`,
]

export const selectConsumers = `SELECT id, name, created, config, delivered_consumer,
  delivered_stream, floor_consumer, floor_stream, skip_until, last_delivered, last_acked
  FROM consumer WHERE account = ? AND stream = ? ORDER BY name`
export const selectPending = 'SELECT chunk, entries FROM consumer_pending WHERE consumer = ?'
export const selectLastId = 'SELECT max(id) FROM consumer'
export const insertConsumer = `INSERT INTO consumer(id, account, stream, name, created, config,
  delivered_stream, floor_stream, skip_until) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)`
export const updateConfig = 'UPDATE consumer SET config = ? WHERE id = ?'
export const updateState = `UPDATE consumer SET delivered_consumer = ?, delivered_stream = ?,
  floor_consumer = ?, floor_stream = ?, skip_until = ?, last_delivered = ?, last_acked = ?
  WHERE id = ?`
export const deleteConsumer = 'DELETE FROM consumer WHERE id = ?'
export const deleteNamed = 'DELETE FROM consumer WHERE account = ? AND stream = ? AND name = ?'
export const deletePendingNamed = `DELETE FROM consumer_pending WHERE consumer IN
  (SELECT id FROM consumer WHERE account = ? AND stream = ? AND name = ?)`
export const deletePendingAll = 'DELETE FROM consumer_pending WHERE consumer = ?'
export const upsertPending = 'INSERT OR REPLACE INTO consumer_pending VALUES(?, ?, ?)'
export const deletePending = 'DELETE FROM consumer_pending WHERE consumer = ? AND chunk = ?'
