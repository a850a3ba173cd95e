// The bodies of the API's requests about streams, by name and type (reference 6.2).

import { anything, flag, int, list, struct, text, time, uint64 } from './decode.ts'
import { streamConfig } from './stream-shape.ts'

export { streamConfigRequest } from './stream-shape.ts'

export const streamNamesRequest = struct('JSApiStreamNamesRequest', { offset: int, subject: text })

export const streamListRequest = struct('JSApiStreamListRequest', { offset: int, subject: text })

export const streamInfoRequest = struct('JSApiStreamInfoRequest', {
  offset: int,
  deleted_details: flag,
  subjects_filter: text,
})

export const streamPurgeRequest = struct('JSApiStreamPurgeRequest', {
  seq: uint64,
  filter: text,
  keep: uint64,
})

export const messageGetRequest = struct('JSApiMsgGetRequest', {
  seq: uint64,
  last_by_subj: text,
  next_by_subj: text,
  batch: int,
  max_bytes: int,
  start_time: time,
  multi_last: list(text),
  up_to_seq: uint64,
  up_to_time: time,
  no_hdr: flag,
})

export const messageDeleteRequest = struct('JSApiMsgDeleteRequest', { seq: uint64, no_erase: flag })

export const streamSnapshotRequest = struct('JSApiStreamSnapshotRequest', {
  deliver_subject: text,
  no_consumers: flag,
  chunk_size: int,
  window_size: int,
  jsck: flag,
})

export const streamRestoreRequest = struct('JSApiStreamRestoreRequest', {
  config: streamConfig,
  state: struct('StreamState', {
    messages: uint64,
    bytes: uint64,
    first_seq: uint64,
    first_ts: time,
    last_seq: uint64,
    last_ts: time,
    num_subjects: int,
    subjects: anything,
    num_deleted: int,
    deleted: list(uint64),
    lost: anything,
    consumer_count: int,
  }),
})
