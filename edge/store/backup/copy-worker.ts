// The thread that copies the store: a connection of its own reads, inside one transaction, so that
// the copy is of one moment; the loop goes on. It runs only while a copy is made.
//
// In the main thread the same would take its place in the loop, its fsync too, and see half a
// group; VACUUM INTO would be one step that nobody can interrupt, while this is asked to end
// between two of its steps.

import { parentPort, workerData } from 'node:worker_threads'
import { copyDatabase } from '../db.ts'
import type { CopyOrder, CopyReport } from './copies.ts'

const { from, to, spareBytes } = workerData as CopyOrder

function tell(report: CopyReport): void {
  parentPort?.postMessage(report)
}

copyDatabase(from, to, spareBytes).then(
  bytes => tell({ is: 'copied', bytes }),
  (error: Error) => tell({ is: 'failed', problem: error.message }),
)
