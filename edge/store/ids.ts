// How a message's place becomes the id of a row: data number * 2^40 + sequence.

/** Sequences are below this, so that an id is exact in a double for 8,191 data numbers. */
export const seqsMax = 2 ** 40
export const dataMax = 8191
/** The other numbers are for what purged and deleted streams left behind. */
export const streamsMax = 8000

export const idOf = (data: number, seq: number): number => data * seqsMax + seq
export const seqOf = (id: number): number => id % seqsMax
export const dataOf = (id: number): number => Math.floor(id / seqsMax)
