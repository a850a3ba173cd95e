// A row of the table of JetStream: what nats-server has, whether it is here, and the test.

export type Here = 'yes' | 'differs' | 'no'

export interface Row {
  readonly name: string
  readonly here: Here
  /** How it differs, or why it is not here. */
  readonly note: string
  /** Below test/, and a text in it: the title of the case or its row. */
  readonly test: readonly [file: string, text: string] | null
  /** Does the same test run against a nats-server in the same run? */
  readonly isBoth: boolean
}

/** The same is expected of nats-server and of us. */
export const both = (name: string, file: string, text = name): Row => ({
  name,
  here: 'yes',
  note: '',
  test: [file, text],
  isBoth: true,
})

export const bothButDiffers = (name: string, note: string, file: string, text: string): Row => ({
  ...both(name, file, text),
  here: 'differs',
  note,
})

/** Where a nats-server cannot be brought to it in a test. */
export const ours = (name: string, file: string, text: string): Row => ({
  ...both(name, file, text),
  isBoth: false,
})

export const oursDiffers = (name: string, note: string, file: string, text: string): Row => ({
  ...ours(name, file, text),
  here: 'differs',
  note,
})

export const missing = (name: string, note: string): Row => ({
  name,
  here: 'no',
  note,
  test: null,
  isBoth: false,
})

/** Not here, as the test shows that it is not there. */
export const missingInBoth = (name: string, note: string, file: string, text: string): Row => ({
  ...both(name, file, text),
  here: 'no',
  note,
})
