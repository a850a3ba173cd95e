// The tables, and the invariants they keep (S1…; verify.ts asks them).
//
//   S1  A block's id is data * 2^40 + sequence of its first message, its data number is that of a
//       stream or of garbage, and blocks do not overlap.
//   S2  A stream's state says what its messages up to `last` are: count, bytes, first sequence.
//       With no message, first = last + 1. last never goes down. Messages after `last` are counted
//       when the stream is loaded.
//   S3  Every message's subject exists and belongs to its stream.
//   S4  A subject's count is the number of its messages up to its stream's `last`; its last is the
//       highest sequence of them, or 0 for "look". 0 messages: it came after the state.
//   S5  Times do not go down as sequences go up, and none is after the stored time, save those of
//       a mirror, which are its origin's.
//   S6  A block of a stream that keeps several messages a subject (`keyed`) holds one message, and
//       is in the index of subjects.
//   S7  An account has one stream of a name, and a data number is used once.
//   S8  A position in a source belongs to a stream, and no message before it is missing
//       (source/positions.ts).
//   S9  No message of its subject stands between a message and the one its `back` names.
//
// A block (block.ts) is one row with what a group brought to one stream: up to 512 messages. Where
// a subject keeps few messages (max_msgs_per_subject) they go one by one, and so each has a block
// of its own. `block` has one index, its row id: appending touches the last page and nothing else.
// The partial index on subjects exists for `keyed` streams alone, because it costs a page written
// for every subject a group touches.
//
// What a purge or a deletion leaves behind becomes `garbage`: the stream goes on under another
// data number, and sweeper.ts deletes the old one's rows a few at a time.
//
// Measured with 128 B messages (test/bench/store.ts, and `npm run bench -- written` for the bytes,
// as the calls count them; fdatasync 0.3 ms, two cores):
//
//   in flight, subjects           inserted and synced/s   bytes written for each stored
//       1      10                                 1,600                            52
//      16      10                                30,000
//     256      10                               330,000                             2.8
//   4,096      10                               720,000
//     256   1,000                               260,000
//     256   1,000, the last of each             130,000
//     256   1,000, 10 of each (keyed)            50,000

import type { Db } from './db.ts'
import { seqsMax } from './ids.ts'
import { migrateToBlocks } from './migrate.ts'

/** `PRAGMA application_id`: "nEdg". */
export const applicationId = 0x6e456467

const rowPerMessage: Tables = [
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

/** The number that stands in a blob's bytes, little endian, from byte `at` on. */
function u32(hex: string, at: string): string {
  const digit = (offset: number): string =>
    `(instr('123456789ABCDEF', substr(${hex}, 2 * (${at}) + ${offset + 1}, 1)))`
  const byte = (n: number): string => `(16 * ${digit(2 * n)} + ${digit(2 * n + 1)})`
  return `(${byte(0)} + 256 * ${byte(1)} + 65536 * ${byte(2)} + 16777216 * ${byte(3)})`
}

/** One row a message of each block: `json_each` counts from 0 to its number of messages. */
const messagesView = `CREATE VIEW messages AS
  WITH entry AS (
    SELECT b.id, b.time AS base, b.bodies, e.key AS n, hex(b.heads) AS heads,
      coalesce(b.subject, ${u32('hex(b.subjects)', '4 * e.key')}) AS subject
    FROM block b, json_each('[' ||
      substr(replace(hex(zeroblob(length(b.heads) / 16)), '00', ',0'), 2) || ']') e),
  head AS (
    SELECT id, base, bodies, subject, ${u32('heads', '16 * n')} AS shape,
      ${u32('heads', '16 * n + 4')} AS time, ${u32('heads', '16 * n + 8')} AS finish,
      CASE n WHEN 0 THEN 0 ELSE ${u32('heads', '16 * n - 8')} & 0x7fffffff END AS start
    FROM entry)
  SELECT s.account, s.name AS stream, (h.id & ${seqsMax - 1}) + (h.shape & 0xffff) AS seq,
    j.name AS subject, strftime('%Y-%m-%dT%H:%M:%fZ', (h.base + h.time) / 1e6, 'unixepoch') AS time,
    CAST(substr(h.bodies, h.start + 1, h.shape >> 16) AS TEXT) AS headers,
    CAST(substr(h.bodies, h.start + (h.shape >> 16) + 1,
      h.finish - h.start - (h.shape >> 16)) AS TEXT) AS payload
  FROM head h JOIN subject j ON j.id = h.subject JOIN stream s ON s.data = j.stream
    JOIN stream_state t ON t.stream = s.id
  WHERE h.finish < 0x80000000 AND (h.id & ${seqsMax - 1}) + (h.shape & 0xffff) >= t.first`

const blocks: Tables = [
  `ALTER TABLE stream ADD COLUMN data INTEGER NOT NULL DEFAULT 0`,
  `UPDATE stream SET data = id`,
  `CREATE UNIQUE INDEX stream_data ON stream(data)`,
  `CREATE TABLE garbage(data INTEGER PRIMARY KEY)`,
  `CREATE TABLE block(id INTEGER PRIMARY KEY, last INTEGER NOT NULL, live INTEGER NOT NULL,
     time INTEGER NOT NULL, keyed INTEGER, subject INTEGER, subjects BLOB, heads BLOB NOT NULL,
     bodies BLOB NOT NULL)`,
  `CREATE INDEX block_keyed ON block(subject) WHERE keyed = 1`,
  `DROP VIEW messages`,
  messagesView,
  migrateToBlocks,
  `DROP TABLE message`,
]

/** What leads from each version to the next, starting at nothing. Released ones never change. */
const migrations: readonly Tables[] = [rowPerMessage, blocks]
export const schemaVersion = migrations.length

/** Statements, and what needs more than a statement. */
export type Tables = readonly (string | ((db: Db) => void))[]

/**
 * Makes or migrates the schema in one transaction; `more` runs at every start. Throws for a
 * database of a newer version or of another program: the caller must not touch it. `upTo`: an
 * older version, for a database that is to be filled from one.
 */
export function prepareSchema(db: Db, more: Tables, upTo = schemaVersion): void {
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
  for (const migration of migrations.slice(version, upTo)) run(db, migration)
  run(db, more)
  // Only when it changes: a start on a full disk must not need to write.
  if (version < upTo) {
    db.exec(`PRAGMA application_id = ${applicationId}`)
    db.exec(`PRAGMA user_version = ${upTo}`)
  }
  db.exec('COMMIT')
}

function run(db: Db, tables: Tables): void {
  for (const step of tables) {
    if (typeof step === 'string') db.exec(step)
    else step(db)
  }
}

/** Written by a later nats-edge: refuse to start rather than damage it. */
export class NewerSchema extends Error {}

/** Somebody else's database under our name: moved aside, nothing to salvage. */
export class ForeignDatabase extends Error {}
