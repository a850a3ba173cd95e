// The tables of MQTT sessions and retained messages; session.ts names their invariants.

/** Sequences of a session are below this: `id = session * seqsMax + seq` is exact in a double. */
export const seqsMax = 2 ** 36
export const sessionsMax = 2 ** 17 - 1

/** For prepareSchema: run at every start. */
export const sessionTables: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS mqtt_session(id INTEGER PRIMARY KEY, account TEXT NOT NULL,
     client TEXT NOT NULL, UNIQUE(account, client))`,
  `CREATE TABLE IF NOT EXISTS mqtt_filter(session INTEGER NOT NULL, filter TEXT NOT NULL,
     qos INTEGER NOT NULL, PRIMARY KEY(session, filter)) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS mqtt_received(session INTEGER NOT NULL, packet INTEGER NOT NULL,
     PRIMARY KEY(session, packet)) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS mqtt_queue(id INTEGER PRIMARY KEY, bytes INTEGER NOT NULL,
     retain INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS mqtt_retained(account TEXT NOT NULL, topic TEXT NOT NULL,
     qos INTEGER NOT NULL, payload BLOB NOT NULL, UNIQUE(account, topic))`,
]
