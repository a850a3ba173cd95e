// What a client says and must hear, byte for byte (reference sections 3.2 to 3.10). Run against
// our broker and against nats-server: one expectation for both.
//
//   '> '  sent (CR LF added)        '>> ' sent as it is
//   '< '  heard (CR LF added)       '|'   the connection ends
//   '= '  heard, a pattern

export interface Conversation {
  readonly name: string
  readonly config?: string
  /** Sent before the first line; '' = nothing, not even CONNECT. */
  readonly connect?: string
  readonly lines: readonly string[]
}

const quiet = 'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}'
const users = `authorization {
  users = [
    { user: a, password: pw, permissions: {
      publish: { allow: ["p.>", "_INBOX.>"], deny: "p.no" }
      subscribe: { allow: ["s.>", "q g1"], deny: "s.no" } } }
    { user: svc, password: pw, permissions: {
      subscribe: "rq", allow_responses: { max: 1, expires: "1m" } } }
    { user: all, password: pw }
  ]
}`
const as = (user: string, pass = 'pw') =>
  `CONNECT {"verbose":false,"pedantic":false,"headers":true,"user":"${user}","pass":"${pass}"}`

export const conversations: readonly Conversation[] = [
  {
    name: 'max_sub_tokens bounds what is subscribed to, not what is published',
    config: 'max_sub_tokens: 2',
    connect: quiet,
    lines: [
      '> SUB a.b 1',
      '> SUB a.b.c 2',
      `< -ERR 'Permissions Violation for Subscription to "a.b.c", too many tokens'`,
      '> SUB a.> 3',
      '> PUB a.b.c.d 1',
      '> x',
      '< MSG a.b.c.d 3 1',
      '< x',
    ],
  },
  {
    name: 'no_header_support refuses headers',
    config: 'no_header_support: true',
    connect: 'CONNECT {"verbose":false,"pedantic":false,"headers":true}',
    lines: ['> SUB a 1', '> HPUB a 12 13', '>> NATS/1.0\r\n\r\nx\r\n', '|'],
  },
  {
    name: 'publish and subscribe',
    connect: quiet,
    lines: ['> SUB foo.* 1', '> PUB foo.a 5', '> hello', '< MSG foo.a 1 5', '< hello'],
  },
  {
    name: 'a reply subject travels along',
    connect: quiet,
    lines: ['> SUB foo 1', '> PUB foo re.ply 2', '> hi', '< MSG foo 1 re.ply 2', '< hi'],
  },
  {
    name: 'a header message with reply',
    connect: quiet,
    lines: [
      '> SUB foo 9',
      '>> HPUB foo r 22 27\r\nNATS/1.0\r\nBar: Baz\r\n\r\nhello\r\n',
      '< HMSG foo 9 r 22 27',
      '< NATS/1.0',
      '< Bar: Baz',
      '< ',
      '< hello',
    ],
  },
  {
    name: 'a header message without headers is a plain one',
    connect: quiet,
    lines: [
      '> SUB a 1',
      '> HPUB a r 0 2',
      '> hi',
      '< MSG a 1 r 2',
      '< hi',
      '> HPUB a 0 0',
      '> ',
      '< MSG a 1 0',
      '< ',
    ],
  },
  {
    name: 'a client without header support gets the payload only',
    connect: 'CONNECT {"verbose":false,"pedantic":false}',
    lines: [
      '> SUB foo 1',
      '> PUB foo 2',
      '> hi',
      '< MSG foo 1 2',
      '< hi',
      '>> HPUB foo 12 12\r\nNATS/1.0\r\n\r\n\r\n',
      '|',
    ],
  },
  {
    name: 'CONNECT defaults are verbose and pedantic',
    connect: '',
    lines: [
      '> CONNECT {}',
      '< +OK',
      '> SUB a 1',
      '< +OK',
      '> PUB a..b 0',
      '> ',
      // nats-server says it twice.
      "= ^(-ERR 'Invalid Publish Subject'\\r\\n)+\\+OK\\r\\n",
      '> PING',
      '< PONG',
    ],
  },
  {
    name: 'everything works without CONNECT',
    connect: '',
    lines: [
      '> SUB a 1',
      '< +OK',
      '> PUB a 1',
      '> x',
      '< +OK',
      '< MSG a 1 1',
      '< x',
      '> PING',
      '< PONG',
    ],
  },
  {
    name: 'no echo of own messages',
    connect: 'CONNECT {"verbose":false,"pedantic":false,"echo":false}',
    lines: ['> SUB a 1', '> PUB a 1', '> x'],
  },
  {
    name: 'UNSUB max counts from the subscription on',
    connect: quiet,
    lines: [
      '> SUB a 1',
      '> UNSUB 1 2',
      '> PUB a 1',
      '> x',
      '> PUB a 1',
      '> y',
      '> PUB a 1',
      '> z',
      '< MSG a 1 1',
      '< x',
      '< MSG a 1 1',
      '< y',
    ],
  },
  {
    name: 'UNSUB max already reached ends it at once',
    connect: quiet,
    lines: [
      '> SUB a 1',
      '> PUB a 1',
      '> x',
      '< MSG a 1 1',
      '< x',
      '> UNSUB 1 1',
      '> PUB a 1',
      '> y',
    ],
  },
  {
    name: 'a sid in use keeps its first subscription',
    connect: quiet,
    lines: ['> SUB a 1', '> SUB b 1', '> PUB b 1', '> x', '> PUB a 1', '> y', '< MSG a 1 1', '< y'],
  },
  {
    name: 'one member of a queue group',
    connect: quiet,
    lines: [
      '> SUB a g 1',
      '> SUB a g 2',
      '> SUB a 3',
      '> PUB a 1',
      '> x',
      '= ^MSG a (3 1\\r\\nx\\r\\nMSG a [12]|[12] 1\\r\\nx\\r\\nMSG a 3) 1\\r\\nx\\r\\n',
    ],
  },
  {
    name: 'the first PING after CONNECT brings the account',
    connect: 'CONNECT {"verbose":false,"protocol":1}',
    lines: [
      '> PING',
      '< PONG',
      '= ^INFO {.*"client_ip":"127.0.0.1",.*"connect_info":true,"remote_account":"\\$G".*} \r\n',
      '> PING',
      '< PONG',
    ],
  },
  {
    name: 'nobody listens to a request',
    connect: quiet,
    lines: [
      '> SUB in 7',
      '> PUB nobody in 0',
      '> ',
      '< HMSG in 7 38 38',
      '< NATS/1.0 503',
      '< Nats-Subject: nobody',
      '< ',
      '< ',
    ],
  },
  {
    name: 'nobody listens, and nobody waits for the answer',
    connect: quiet,
    lines: ['> PUB nobody in 0', '> '],
  },
  {
    name: 'invalid subjects of subscriptions',
    connect: quiet,
    lines: [
      '> SUB a..b 1',
      "< -ERR 'Invalid Subject'",
      '> SUB >.a 2',
      "< -ERR 'Invalid Subject'",
      '> SUB foo> 3',
      '> PUB foo> 1',
      '> x',
      '< MSG foo> 3 1',
      '< x',
    ],
  },
  {
    name: 'an unknown verb',
    connect: quiet,
    lines: ['> FOO', "< -ERR 'Unknown Protocol Operation'", '|'],
  },
  {
    name: 'a payload that is too long',
    connect: quiet,
    lines: ['>> PUB a 2\r\nhixPING\r\n', "< -ERR 'Unknown Protocol Operation'", '|'],
  },
  {
    name: 'a payload over max_payload',
    config: 'max_payload: 100',
    connect: quiet,
    lines: ['> PUB a 101', "< -ERR 'Maximum Payload Violation'", '|'],
  },
  {
    name: 'a payload at max_payload',
    config: 'max_payload: 100',
    connect: quiet,
    lines: [
      '> SUB a 1',
      '> PUB a 100',
      `> ${'x'.repeat(100)}`,
      '< MSG a 1 100',
      `< ${'x'.repeat(100)}`,
    ],
  },
  {
    name: 'a line over max_control_line',
    config: 'max_control_line: 128',
    connect: quiet,
    lines: [`> SUB ${'a'.repeat(200)} 1`, "< -ERR 'maximum control line exceeded'", '|'],
  },
  {
    name: 'a line over max_control_line without end',
    config: 'max_control_line: 128',
    connect: quiet,
    lines: [`>> SUB ${'a'.repeat(2000)}`, "< -ERR 'maximum control line exceeded'", '|'],
  },
  {
    name: 'too many subscriptions',
    config: 'max_subscriptions: 2',
    connect: quiet,
    lines: [
      '> SUB a 1',
      '> SUB b 2',
      '> SUB c 3',
      "< -ERR 'maximum subscriptions exceeded'",
      '> PING',
      '< PONG',
    ],
  },
  {
    name: 'a bad protocol version',
    connect: '',
    lines: ['> CONNECT {"protocol":2}', "< -ERR 'invalid client protocol'", '|'],
  },
  {
    name: 'no responders without headers',
    connect: '',
    lines: [
      '> CONNECT {"verbose":false,"no_responders":true}',
      "< -ERR 'no responders requires headers support'",
      '|',
    ],
  },
  { name: 'CONNECT that is no JSON', connect: '', lines: ['> CONNECT {', '|'] },
  {
    name: 'a reply that only the server may set',
    connect: quiet,
    lines: [
      '> PUB a $JS.ACK.x 0',
      '> ',
      `< -ERR 'Permissions Violation for Publish with Reply of "$JS.ACK.x"'`,
    ],
  },
  {
    name: 'a wrong password',
    config: users,
    connect: '',
    lines: [`> ${as('a', 'no')}`, "< -ERR 'Authorization Violation'", '|'],
  },
  {
    name: 'anything before CONNECT when users are configured',
    config: users,
    connect: '',
    lines: ['> PING', "< -ERR 'Authorization Violation'", '|'],
  },
  {
    name: 'no CONNECT in time',
    config: 'authorization { user: a, password: b, timeout: 0.2 }',
    connect: '',
    lines: ["< -ERR 'Authentication Timeout'", '|'],
  },
  {
    name: 'a token',
    config: 'authorization { token: s3cret }',
    connect: 'CONNECT {"verbose":false,"pedantic":false,"auth_token":"s3cret"}',
    lines: ['> PING', '< PONG'],
  },
  {
    name: 'a wrong token',
    config: 'authorization { token: s3cret }',
    connect: '',
    lines: ['> CONNECT {"auth_token":"s"}', "< -ERR 'Authorization Violation'", '|'],
  },
  {
    name: 'publish permissions',
    config: users,
    connect: as('a'),
    lines: [
      '> PUB x 1',
      '> x',
      '< -ERR \'Permissions Violation for Publish to "x"\'',
      '> PUB p.no 1',
      '> x',
      '< -ERR \'Permissions Violation for Publish to "p.no"\'',
      '> PUB p.yes 1',
      '> x',
      '> PING',
      '< PONG',
    ],
  },
  {
    name: 'subscribe permissions',
    config: users,
    connect: as('a'),
    lines: [
      '> SUB x 1',
      '< -ERR \'Permissions Violation for Subscription to "x"\'',
      '> SUB q 2',
      '< -ERR \'Permissions Violation for Subscription to "q"\'',
      '> SUB q g1 3',
      '> SUB q g2 4',
      '< -ERR \'Permissions Violation for Subscription to "q" using queue "g2"\'',
      '> SUB s.> 5',
      '> PING',
      '< PONG',
    ],
  },
  {
    name: 'allow_responses: not without having been asked',
    config: users,
    connect: as('svc'),
    lines: ['> PUB inbox 0', '> ', '< -ERR \'Permissions Violation for Publish to "inbox"\''],
  },
  {
    name: 'no_auth_user',
    config: `${users}\nno_auth_user: all`,
    connect: '',
    lines: ['> PING', '< PONG', '> SUB a 1', '< +OK'],
  },
]
