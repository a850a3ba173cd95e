// The program as its users start it: exit codes, log lines, files, signals, reload.

import { connect, createServer } from 'node:net'
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectAsync } from 'mqtt'
import * as assert from 'uvu/assert'
import { scratch } from '../support/directory.ts'
import { edgeMain, startEdge } from '../support/edge.ts'
import { program } from '../support/peers.ts'
import { type Running, start } from '../support/process.ts'
import { spec } from '../support/spec.ts'

const node = process.execPath
const local = ['-a', '127.0.0.1', '-p', '-1']

/** Runs to the end. */
async function ended(args: readonly string[], nodeFlags: readonly string[] = []) {
  const running = await start(node, [...nodeFlags, edgeMain, ...args])
  const { code } = await running.exited
  return { code, output: running.output() }
}

function begun(args: readonly string[], options = {}): Promise<Running> {
  return start(node, [edgeMain, ...local, ...args], 'Server is ready', options)
}

function conf(text: string, name = 'a.conf'): string {
  const path = join(scratch('conf'), name)
  writeFileSync(path, text)
  return path
}

spec('command line', it => {
  it('prints the version and the help, and ends with 0', async () => {
    const version = await ended(['-v'])
    assert.is(version.code, 0)
    assert.match(version.output, /^nats-server: v2\.14\.5\nnats-edge: v\d+\.\d+\.\d+\n$/)
    const help = await ended(['--help'])
    assert.is(help.code, 0)
    assert.match(help.output, 'Usage: nats-edge [options]')
    assert.is((await ended(['version'])).output, version.output)
  })
  it('tells an unknown flag with the usage, and ends with 0 as nats-server', async () => {
    const { code, output } = await ended(['-bogus'])
    assert.is(code, 0)
    assert.match(output, 'flag provided but not defined: -bogus')
    assert.match(output, 'Usage: nats-edge')
  })
  const failures: readonly (readonly [readonly string[], string])[] = [
    [['extra'], 'nats-server: unrecognized command: "extra"\n'],
    [
      ['-t'],
      'nats-server: must specify [-c, --config] option to check configuration file syntax\n',
    ],
    [['-c', '/nope.conf'], 'nats-server: open /nope.conf: no such file or directory\n'],
    [['--tls'], 'nats-server: TLS Server certificate must be present and valid\n'],
    [['--signal', 'foo=1'], 'nats-server: unknown signal "foo"\n'],
    [['--signal', 'reload=x'], 'nats-server: invalid pid: x\n'],
    [['-p', '70000'], 'nats-server: port 70000 is out of range\n'],
  ]
  for (const [args, text] of failures) {
    it(`${args.join(' ')} ends with 1`, async () => {
      assert.equal(await ended(args), { code: 1, output: text })
    })
  }
  it('refuses an old Node before anything else is loaded', async () => {
    const fake = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.19.0' } })`
    const flags = ['--import', `data:text/javascript,${encodeURIComponent(fake)}`]
    const { code, output } = await ended(['-p', '-1'], flags)
    assert.is(code, 1)
    assert.match(output, /^nats-edge needs Node\.js 22 or newer/)
  })
  it('is readable by an old Node as far as that message', () => {
    const text = readFileSync(fileURLToPath(new URL('../../edge/main.ts', import.meta.url)), 'utf8')
    assert.not.match(text, /\?\.|\?\?|^await|^import|#[a-z]+\b(?!!)/m)
  })
})

spec('start and stop', it => {
  it('logs the lines of nats-server in their order', async () => {
    const running = await begun(['-T=false', '-D', '-js', '-sd', scratch('store'), '-m', '-1'])
    await running.stop('SIGINT')
    const lines = running
      .output()
      .split('\n')
      .map(line => line.replace(/^\[\d+\] /, ''))
    const wanted = [
      /^\[INF\] Starting nats-server$/,
      /^\[INF\] {3}Version: {2}2\.14\.5$/,
      /^\[INF\] {3}Name: {5}N[A-Z2-7]{55}$/,
      /^\[INF\] {3}Node: {5}\w{8}$/,
      /^\[INF\] {3}ID: {7}N[A-Z2-7]{55}$/,
      /^\[DBG\] Created system account: "\$SYS"$/,
      /^\[INF\] Starting http monitor on 127\.0\.0\.1:\d+$/,
      /^\[INF\] Starting JetStream$/,
      /^\[INF\] Listening for client connections on 127\.0\.0\.1:\d+$/,
      /^\[INF\] Server is ready$/,
      /^\[DBG\] Trapped "interrupt" signal$/,
      /^\[INF\] Initiating Shutdown\.\.\.$/,
      /^\[INF\] Initiating JetStream Shutdown\.\.\.$/,
      /^\[INF\] JetStream Shutdown$/,
      /^\[INF\] Server Exiting\.\.$/,
    ]
    let at = 0
    for (const line of lines) if (wanted[at]?.test(line)) at++
    assert.is(at, wanted.length, `no ${wanted[at]} in its place:\n${lines.join('\n')}`)
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGUSR2'] as const) {
    it(`ends with 0 after ${signal}`, async () => {
      const running = await begun([])
      assert.equal(await running.stop(signal), { code: 0, signal: null })
      assert.match(running.output(), 'Server Exiting..')
    })
  }
  it('ends with 1 when the port is taken', async () => {
    const taken = createServer()
    await new Promise<void>(done => taken.listen(0, '127.0.0.1', done))
    const { port } = taken.address() as { port: number }
    const { code, output } = await ended(['-a', '127.0.0.1', '-p', `${port}`])
    taken.close()
    assert.is(code, 1)
    const where = `127.0.0.1:${port}`
    const why = `listen tcp ${where}: bind: address already in use`
    assert.match(output, `[FTL] Error listening on port: ${where}, "${why}"`)
  })
  it('ends with 1 when the log or pid file cannot be written', async () => {
    for (const flags of [
      ['-l', '/nope/a.log'],
      ['-P', '/nope/a.pid'],
    ]) {
      const { code, output } = await ended([...local, ...flags])
      assert.is(code, 1)
      assert.match(output, /^nats-server: /)
    }
  })
  it('ends with 1 when a certificate is none', async () => {
    const path = conf('x', 'bad.pem')
    const { code, output } = await ended([...local, '--tls', '--tlscert', path, '--tlskey', path])
    assert.is(code, 1)
    assert.match(
      output,
      /^nats-server: error parsing X509 certificate\/key pair: tls: failed to find any PEM data/,
    )
  })
  it('writes a pid file without line end, and a ports file that goes with it', async () => {
    const dir = scratch('run')
    const pidFile = join(dir, 'a.pid')
    const running = await begun([
      '-P',
      pidFile,
      '--ports_file_dir',
      dir,
      '-m',
      '-1',
      '--profile',
      '-1',
    ])
    assert.is(readFileSync(pidFile, 'utf8'), `${running.pid}`)
    const name = `nats-edge_${running.pid}.ports`
    const ports = JSON.parse(readFileSync(join(dir, name), 'utf8')) as Record<string, string[]>
    assert.equal(Object.keys(ports), ['nats', 'monitoring', 'profile'])
    assert.match(ports.nats?.[0] ?? '', /^nats:\/\/127\.0\.0\.1:\d+$/)
    const { port } = new URL(ports.nats?.[0] ?? '')
    assert.match(await firstLine(Number(port)), /^INFO \{"server_id":"N/)
    await running.stop()
    assert.equal(readdirSync(dir), ['a.pid'])
  })
  it('starts without a ports file when it cannot be written', async () => {
    const running = await begun(['--ports_file_dir', '/nope'])
    await running.stop()
    assert.match(running.output(), '[ERR] Error writing ports file to "/nope": ENOENT')
  })
  it('tells systemd that it is ready and stopping', async () => {
    const socket = join(scratch('notify'), 'socket')
    const heard = await start(program('socat'), ['-u', `UNIX-RECV:${socket}`, 'STDOUT'])
    while (!existsSync(socket)) await new Promise(setImmediate)
    const running = await begun([], { env: { ...process.env, NOTIFY_SOCKET: socket } })
    await heard.waitFor('READY=1')
    await running.stop()
    await heard.waitFor('STOPPING=1')
    await heard.stop()
  })
})

spec('docker', it => {
  const text = `
port: 4222
monitor_port: 8222
cluster {
  name: "my_cluster"
  port: 6222
  authorization {
    user: ruser
    password: T0pS3cr3t
    timeout: 2
  }
  routes = []
}
`
  it('starts on the config of the official image, with JetStream too', async () => {
    const running = await begun(['-c', conf(text), '-m', '-1', '-js', '-sd', scratch('store')])
    await running.stop()
    assert.match(running.output(), 'JetStream stays on this server')
    assert.not.match(running.output(), 'T0pS3cr3t')
  })
})

spec('signals', it => {
  it('reloads what may change, and says what', async () => {
    const edge = await startEdge({ conf: 'debug: false' })
    const text = readFileSync(edge.conf, 'utf8')
    writeFileSync(edge.conf, text.replace('debug: false', 'debug: true\nmax_payload: 2048'))
    edge.process.child.kill('SIGHUP')
    const output = await edge.process.waitFor('Reloaded server configuration')
    assert.match(output, '[INF] Reloaded: debug = true')
    assert.match(output, '[INF] Reloaded: max_payload = 2048')
    assert.match(await firstLine(edge.port), '"max_payload":2048')
    await edge.stop()
  })
  it('changes nothing when one thing may not change, or is wrong', async () => {
    const edge = await startEdge({ conf: 'max_payload: 1024' })
    const text = readFileSync(edge.conf, 'utf8').replace('1024', '2048')
    for (const [more, why] of [
      ['max_subscriptions: 5', 'config reload not supported for MaxSubs: old=0, new=5'],
      ['nope: 5', 'unknown field "nope"'],
      ['tls { cert_file: /nope, key_file: /nope }', 'error parsing X509 certificate/key pair'],
      ['logfile: /nope/a.log', '/nope/a.log'],
    ] as const) {
      const from = edge.process.output().length
      writeFileSync(edge.conf, `${text}\n${more}\n`)
      edge.process.child.kill('SIGHUP')
      await edge.process.waitFor('Failed to reload server configuration: ', 5000, from)
      assert.match(edge.process.output().slice(from), why)
    }
    assert.match(await firstLine(edge.port), '"max_payload":1024')
    await edge.stop()
  })
  it('cuts off the user whose password changed, and lets the new one in', async () => {
    const edge = await startEdge({ conf: 'authorization { user: a, password: one }' })
    const socket = connect(edge.port, '127.0.0.1')
    const closed = new Promise(done => socket.once('close', done))
    socket.write('CONNECT {"user":"a","pass":"one","verbose":false}\r\nPING\r\n')
    await new Promise<void>(done => {
      socket.on('data', data => String(data).includes('PONG') && done())
    })
    writeFileSync(edge.conf, readFileSync(edge.conf, 'utf8').replace('one', 'two'))
    edge.process.child.kill('SIGHUP')
    await closed
    assert.not.match(edge.process.output(), /\btwo\b/)
    await edge.stop()
  })
  it('lets MQTT clients show their password again when users changed', async () => {
    const conf = 'authorization { user: a, password: one }'
    const edge = await startEdge({ conf, mqtt: true, jetstream: true })
    const client = await connectAsync(`mqtt://a:one@127.0.0.1:${edge.mqttPort}`, {
      reconnectPeriod: 0,
    })
    const closed = new Promise(done => client.once('close', () => done(undefined)))
    writeFileSync(edge.conf, readFileSync(edge.conf, 'utf8').replace('one', 'two'))
    edge.process.child.kill('SIGHUP')
    await closed
    await edge.stop()
  })
  it('tells clients of lame-duck mode, waits for them, and still ends at once on INT', async () => {
    const edge = await startEdge({})
    const socket = connect(edge.port, '127.0.0.1')
    let heard = ''
    const told = new Promise<void>(done => {
      socket.on('data', data => {
        heard += data
        if (heard.includes('"ldm":true')) done()
        else if (heard.includes('connect_info')) edge.process.child.kill('SIGUSR2')
      })
    })
    socket.write('CONNECT {"verbose":false,"protocol":1}\r\nPING\r\n')
    await told
    await edge.process.waitFor('Entering lame duck mode, stop accepting new clients')
    assert.is(await refused(edge.port), 'ECONNREFUSED')
    edge.process.child.kill('SIGTERM')
    socket.write('PING\r\n')
    await new Promise<void>(done => {
      socket.on('data', data => String(data).includes('PONG') && done())
    })
    assert.equal(await edge.stop('SIGINT'), { code: 0, signal: null })
  })
  it('opens the log file anew', async () => {
    const path = join(scratch('log'), 'a.log')
    const running = await start(node, [edgeMain, ...local, '-l', path])
    while (!existsSync(path) || !readFileSync(path, 'utf8').includes('ready')) {
      await new Promise(setImmediate)
    }
    renameSync(path, `${path}.1`)
    running.child.kill('SIGUSR1')
    while (!existsSync(path) || !readFileSync(path, 'utf8').includes('re-opened')) {
      await new Promise(setImmediate)
    }
    await running.stop()
    assert.match(readFileSync(path, 'utf8'), 'Server Exiting..')
    assert.is(running.output(), '')
  })
  it('ignores that without a file', async () => {
    const running = await begun([])
    running.child.kill('SIGUSR1')
    await running.waitFor('File log re-open ignored, not a file logger')
    await running.stop()
  })
  it('sends a signal to the process of a pid file', async () => {
    const pidFile = join(scratch('pid'), 'a.pid')
    const running = await begun(['-P', pidFile])
    assert.equal(await ended(['--signal', `quit=${pidFile}`]), { code: 0, output: '' })
    assert.equal(await running.exited, { code: 0, signal: null })
  })
})

/** What the server says first on a connection. */
function firstLine(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', reject)
    socket.once('data', data => {
      socket.destroy()
      resolve(String(data))
    })
  })
}

/** Why nobody answers there. */
function refused(port: number): Promise<string> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', error => resolve((error as NodeJS.ErrnoException).code ?? ''))
    socket.once('connect', () => {
      socket.destroy()
      resolve('connected')
    })
  })
}
