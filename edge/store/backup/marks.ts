// Marks that a restored stream carries in its stored config, where nobody but the store sees them.
//
//   running   it is being restored: nobody sees it, and a start takes it away
//   done      its times may be another clock's: ours does not follow them

import type { StreamConfig } from '../shapes.ts'

export function isHidden(config: StreamConfig): boolean {
  return config.restore === 'running'
}

/** What takes a backup's messages: what is published later obeys the stream's own config. */
export function hiddenConfig(config: StreamConfig, firstSeq: number): StreamConfig {
  // Nothing but the backup may take a sequence: no delete marker either.
  const {
    first_seq: _,
    discard_new_per_subject: __,
    subject_delete_marker_ttl: ___,
    ...rest
  } = config
  return {
    ...rest,
    restore: 'running',
    ...(firstSeq > 1 && { first_seq: firstSeq }),
    sealed: false,
    discard: 'old',
    max_age: 0,
  }
}

export function restoredConfig(config: StreamConfig): StreamConfig {
  return { ...config, restore: 'done' }
}

/** An update says nothing of marks: they stay. */
export function keepMarks(old: StreamConfig, config: StreamConfig): StreamConfig {
  return old.restore === undefined ? config : { ...config, restore: old.restore }
}
