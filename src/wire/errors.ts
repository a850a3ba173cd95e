// The -ERR texts a client can get, exactly as nats-server prints them (reference 3.4), and
// whether the connection survives them.

export interface WireError {
  /** Between the quotes of -ERR; '' closes without a line. */
  readonly text: string
  readonly closes: boolean
  /** What /connz?state=closed and the log call it. */
  readonly reason: string
}

const fatal = (text: string, reason: string): WireError => ({ text, closes: true, reason })
const mild = (text: string): WireError => ({ text, closes: false, reason: '' })

export const unknownOperation = fatal('Unknown Protocol Operation', 'Protocol Violation')
export const parseError = fatal('', 'Parse Error')
export const payloadTooLarge = fatal(
  'Maximum Payload Violation',
  'Maximum Message Payload Exceeded',
)
export const controlLineTooLong = fatal(
  'maximum control line exceeded',
  'Maximum Control Line Exceeded',
)
export const headersUnsupported = fatal('', 'Message Header Violation')
export const authorizationViolation = fatal('Authorization Violation', 'Authentication Failure')
/** Cut off without a word: who signed its JWT may not any more. */
export const authenticationFailed = fatal('', 'Authentication Failure')
export const authenticationTimeout = fatal('Authentication Timeout', 'Authentication Timeout')
export const userExpired = fatal('User Authentication Expired', 'Authentication Expired')
export const userRevoked = fatal('User Authentication Revoked', 'Credentials Revoked')
export const accountExpired = fatal('Account Authentication Expired', 'Authentication Expired')
export const connectionsExceeded = fatal(
  'maximum connections exceeded',
  'Maximum Connections Exceeded',
)
export const accountConnectionsExceeded = fatal(
  'maximum account active connections exceeded',
  'Maximum Account Connections Exceeded',
)
export const staleConnection = fatal('Stale Connection', 'Stale Connection')
export const tlsRequired = fatal('Secure Connection - TLS Required', 'TLS Handshake Failure')
export const badProtocolVersion = fatal('invalid client protocol', 'Bad Client Protocol Version')
export const noRespondersNeedsHeaders = fatal(
  'no responders requires headers support',
  'No Responders Requires Headers',
)
export const wrongPort = fatal('attempted to connect to leaf node port', 'Incorrect Port')

export const subscriptionsExceeded = mild('maximum subscriptions exceeded')
export const invalidSubject = mild('Invalid Subject')
export const invalidPublishSubject = mild('Invalid Publish Subject')

export const publishViolation = (subject: string): WireError =>
  mild(`Permissions Violation for Publish to "${subject}"`)

export const tooManyTokens = (subject: string): WireError =>
  mild(`Permissions Violation for Subscription to "${subject}", too many tokens`)

export const replyViolation = (reply: string): WireError =>
  mild(`Permissions Violation for Publish with Reply of "${reply}"`)

export const subscribeViolation = (subject: string, queue: string): WireError =>
  mild(
    `Permissions Violation for Subscription to "${subject}"${queue === '' ? '' : ` using queue "${queue}"`}`,
  )
