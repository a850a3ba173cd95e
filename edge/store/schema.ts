// The tables, and the invariants they keep (S1…; verify.ts asks them as queries).
//
//   S1  A message's id is stream * 2^40 + seq, and its stream exists.
//   S2  A stream's state says what its messages up to `last` are: count, bytes, first sequence.
//       With no message, first = last + 1. last never goes down. Messages after `last` are counted
//       when the stream is loaded.
//   S3  Every message's subject exists and belongs to its stream.
//   S4  A subject's count is the number of its messages up to its stream's `last`; its last is the
//       highest sequence of them, or 0 for "look". 0 messages: it came after the state.
//   S5  Times do not go down as sequences go up, and none is after the stored time, save those of
//       a mirror, which are its origin's.
//   S6  `keyed` is the same for all messages of a stream, and the stream's own.
//   S7  An account has one stream of a name.
//   S8  A position in a source belongs to a stream, and no message before it is missing
//       (source/positions.ts).
//
// `message` has one index only, its row id: appending touches the last page and nothing else. The
// partial index on subjects exists for `keyed` streams alone (several messages kept a subject),
// because it costs a page written for every subject a group touches. Measured with 128 B messages
// (test/bench/store.ts; fdatasync 0.2 ms, two cores shared with other work: the rates are from the
// quietest of several runs, busy ones gave far less; the bytes were the same each time):
//
//   in flight, subjects           inserted and synced/s   bytes written for each stored
//       1      10                                 3,500                            66
//      16      10                                44,000                             8.7
//     256      10                               184,000                             3.1
//   4,096      10                               300,000                             2.5
//     256   1,000                               144,000                             3.2
//     256   1,000, the last of each              45,000                             3.6
//     256   1,000, 10 of each (keyed)            33,000                             6.9

import type { Db } from './db.ts'

/** Sequences are below this, so that an id is exact in a double for 8,191 streams. */
export const seqsMax = 2 ** 40
export const streamsMax = 8191

/** `PRAGMA application_id`: "nEdg". */
export const applicationId = 0x6e456467

const core: readonly string[] = [
  `CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID`,
  `CREATE TABLE stream(id INTEGER PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL,
     created INTEGER NOT NULL, config TEXT NOT NULL, UNIQUE(account, name))`,
  `CREATE TABLE stream_state(stream INTEGER PRIMARY KEY, first INTEGER NOT NULL,
     last INTEGER NOT NULL, count INTEGER NOT NULL, bytes INTEGER NOT NULL,
     subjects INTEGER NOT NULL, last_time INTEGER NOT NULL, keyed INTEGER NOT NULL)`,
  `CREATE TABLE subject(id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, name TEXT NOT NULL,
     count INTEGER NOT NULL, last INTEGER NOT NULL, UNIQUE(stream, name))`,
  `CREATE TABLE message(id INTEGER PRIMARY KEY, subject INTEGER NOT NULL, time INTEGER NOT NULL,
     keyed INTEGER NOT NULL, headers BLOB, payload BLOB)`,
  `CREATE INDEX message_keyed ON message(subject) WHERE keyed = 1`,
  `CREATE VIEW messages AS SELECT s.account, s.name AS stream, m.id & ${seqsMax - 1} AS seq,
     j.name AS subject, strftime('%Y-%m-%dT%H:%M:%fZ', m.time / 1e6, 'unixepoch') AS time,
     CAST(m.headers AS TEXT) AS headers, CAST(m.payload AS TEXT) AS payload
     FROM message m JOIN subject j ON j.id = m.subject JOIN stream s ON s.id = j.stream`,
]

/** What leads from each version to the next, starting at nothing. Released ones never change. */
const migrations: readonly Tables[] = [core]
export const schemaVersion = migrations.length

/** Statements of other nouns of the room; each makes its own tables. */
export type Tables = readonly string[]

/**
 * Makes or migrates the schema in one transaction; `more` runs at every start. Throws for a
 * database of a newer version or of another program: the caller must not touch it.
 */
export function prepareSchema(db: Db, more: Tables): void {
  const id = Number(db.value('PRAGMA application_id'))
  const version = Number(db.value('PRAGMA user_version'))
  const tables = Number(db.value('SELECT count(*) FROM sqlite_schema'))
  if (tables > 0 && id !== applicationId) throw new ForeignDatabase('not a store of nats-edge')
  if (version > schemaVersion) {
    throw new NewerSchema(
      `store was written by a newer version (schema ${version}, this one knows ${schemaVersion})`,
    )
  }
  db.exec('BEGIN')
  for (const migration of migrations.slice(version)) for (const sql of migration) db.exec(sql)
  for (const sql of more) db.exec(sql)
  // Only when it changes: a start on a full disk must not need to write.
  if (version < schemaVersion) {
    db.exec(`PRAGMA application_id = ${applicationId}`)
    db.exec(`PRAGMA user_version = ${schemaVersion}`)
  }
  db.exec('COMMIT')
}

/** Written by a later nats-edge: refuse to start rather than damage it. */
export class NewerSchema extends Error {}

/** Somebody else's database under our name: moved aside, nothing to salvage. */
export class ForeignDatabase extends Error {}

export const idOf = (stream: number, seq: number): number => stream * seqsMax + seq
export const seqOf = (id: number): number => id % seqsMax
