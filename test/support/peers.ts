// The real programs tests run against: where they are, and how they get here.
//
// Debian's own packages come through apt: mosquitto, socat and the like are installed (as root),
// three generations of nats-server are only unpacked into a cache, from whatever Debian mirror
// this machine's apt already uses. A peer that is missing fails the run: a skipped test proves
// nothing.

import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

/** Which nats-server: the Debian release that carries this minor version, or the newest of all. */
export type NatsVersion = '2.9' | '2.10' | '2.15' | 'newest'

/** The release of each; sid moves on, so '2.15' stands for that or whatever follows it. */
const releases = { '2.9': 'bookworm', '2.10': 'trixie', '2.15': 'sid' } as const

/** Debian package and the program of it that tests call. */
const packages: readonly (readonly [string, string])[] = [
  ['mosquitto', 'mosquitto'],
  ['mosquitto-clients', 'mosquitto_pub'],
  ['socat', 'socat'],
  ['systemd', 'systemd-analyze'],
  ['strace', 'strace'],
  ['iproute2', 'ip'],
  ['openssl', 'openssl'],
  ['util-linux', 'taskset'],
]

/** /usr/sbin is not on everybody's PATH, and mosquitto lives there. */
const searchPath = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`

/** Path of a nats-server; install() must have run on this machine once. */
export function natsServer(version: NatsVersion): string {
  const path = findNatsServer(version)
  if (path) return path
  install()
  const installed = findNatsServer(version)
  if (!installed) throw new Error(`nats-server ${version} is missing: run npm test as written`)
  return installed
}

/** What it answers to -v, e.g. '2.15.1'. */
export function natsServerVersion(path: string): string {
  const { stdout } = spawnSync(path, ['-v'], { encoding: 'utf8' })
  return /v(\d+\.\d+\.\d+)/.exec(stdout ?? '')?.[1] ?? ''
}

/** Path of another peer, e.g. `program('mosquitto_sub')`. */
export function program(name: string): string {
  for (const dir of searchPath.split(':')) {
    if (dir !== '' && existsSync(join(dir, name))) return join(dir, name)
  }
  throw new Error(`${name} is missing: ${howToInstall(packageNames())}`)
}

/** Brings what is missing; throws with the command to type when it cannot. Returns what is there. */
export function install(): string[] {
  const missing = packages.filter(([, name]) => !has(name)).map(([name]) => name)
  if (missing.length > 0) installPackages(missing)
  const wanted = (Object.keys(releases) as (keyof typeof releases)[]).filter(
    version => !findNatsServer(version),
  )
  if (wanted.length > 0) unpackNatsServers(wanted.map(version => releases[version]))
  return (Object.keys(releases) as (keyof typeof releases)[]).map(version => {
    const path = natsServer(version)
    return `nats-server ${natsServerVersion(path)} ${path}`
  })
}

function has(name: string): boolean {
  return searchPath.split(':').some(dir => dir !== '' && existsSync(join(dir, name)))
}

function packageNames(): string[] {
  return packages.map(([name]) => name)
}

function howToInstall(names: readonly string[]): string {
  return `install it with: sudo apt-get install -y ${names.join(' ')}`
}

// ---- installed packages

/** Debian's way to say that an installation starts no service: exit 101 from this script. */
const policyPath = '/usr/sbin/policy-rc.d'

function installPackages(names: readonly string[]): void {
  if (process.getuid?.() !== 0 || !has('apt-get')) {
    throw new Error(`peers of the tests are missing: ${howToInstall(names)}`)
  }
  const held = existsSync(policyPath)
  if (!held) writeFileSync(policyPath, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    apt(['update'], env)
    apt(['install', '-y', '--no-install-recommends', ...names], env)
  } finally {
    if (!held) rmSync(policyPath, { force: true })
  }
  // Not at the next boot either.
  if (names.includes('mosquitto') && existsSync('/run/systemd/system')) {
    spawnSync('systemctl', ['disable', '--now', 'mosquitto'])
  }
}

function apt(args: readonly string[], env: NodeJS.ProcessEnv = process.env, cwd?: string): string {
  const { status, stdout, stderr } = spawnSync('apt-get', ['-q', ...args], {
    encoding: 'utf8',
    env,
    cwd,
  })
  if (status !== 0) throw new Error(`apt-get ${args.join(' ')} failed:\n${stdout}${stderr}`)
  return stdout
}

// ---- unpacked nats-servers

/** `<cache>/<release>/usr/sbin/nats-server`. */
function cacheDir(): string {
  const preferred = join(homedir(), '.cache', 'nats-edge', 'peers')
  try {
    mkdirSync(preferred, { recursive: true })
    return preferred
  } catch {
    const fallback = join(tmpdir(), `nats-edge-peers-${process.getuid?.() ?? 0}`)
    mkdirSync(fallback, { recursive: true })
    return fallback
  }
}

function findNatsServer(version: NatsVersion): string | undefined {
  if (version === 'newest') {
    const all = Object.values(releases).map(unpacked).filter(existsSync)
    return all.sort((a, b) => compare(natsServerVersion(b), natsServerVersion(a)))[0]
  }
  const path = unpacked(releases[version])
  return existsSync(path) ? path : undefined
}

function unpacked(release: string): string {
  return join(cacheDir(), release, 'usr', 'sbin', 'nats-server')
}

/**
 * Asks apt for the package of other releases without touching the machine's own lists: a private
 * source list, with the mirror and the key that the machine uses anyway, and private state.
 */
function unpackNatsServers(wanted: readonly string[]): void {
  const work = mkdtempSync(join(cacheDir(), 'apt-'))
  try {
    mkdirSync(join(work, 'lists', 'partial'), { recursive: true })
    mkdirSync(join(work, 'cache', 'archives', 'partial'), { recursive: true })
    const source = debianSource()
    const lines = wanted.map(release => `deb ${source.options}${source.uri} ${release} main\n`)
    writeFileSync(join(work, 'sources.list'), lines.join(''))
    const settings = [
      `Dir::Etc::sourcelist=${join(work, 'sources.list')}`,
      'Dir::Etc::sourceparts=/dev/null',
      'Dir::Etc::preferencesparts=/dev/null',
      `Dir::State::lists=${join(work, 'lists')}`,
      `Dir::Cache=${join(work, 'cache')}`,
      'Acquire::Languages=none',
      'APT::Sandbox::User=root',
    ].flatMap(setting => ['-o', setting])
    apt([...settings, 'update'])
    for (const release of wanted) {
      const down = join(work, release)
      mkdirSync(down)
      apt([...settings, 'download', `nats-server/${release}`], process.env, down)
      unpack(down, release)
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function unpack(down: string, release: string): void {
  const file = readdirSync(down).find(name => name.endsWith('.deb'))
  if (!file) throw new Error(`apt downloaded no nats-server of ${release}`)
  const tree = join(down, 'tree')
  execFileSync('dpkg', ['-x', join(down, file), tree])
  const version = natsServerVersion(join(tree, 'usr', 'sbin', 'nats-server'))
  if (version === '') throw new Error(`nats-server of ${release} does not run on this machine`)
  const target = join(cacheDir(), release)
  // Another run may have been faster; its copy is as good.
  if (!existsSync(target)) renameSync(tree, target)
}

interface Source {
  readonly uri: string
  /** `[signed-by=…] ` or ''. */
  readonly options: string
}

/** The mirror of Debian proper among the machine's sources: deb822 files and one-line files. */
function debianSource(): Source {
  const dir = '/etc/apt/sources.list.d'
  const files = existsSync(dir) ? readdirSync(dir).map(name => join(dir, name)) : []
  files.push('/etc/apt/sources.list')
  for (const file of files.filter(existsSync)) {
    const text = readFileSync(file, 'utf8')
    const found = file.endsWith('.sources') ? fromStanzas(text) : fromLines(text)
    if (found) return found
  }
  throw new Error(
    'no Debian mirror in the apt sources of this machine: the tests need the nats-server ' +
      `packages of ${Object.values(releases).join(', ')} in ${cacheDir()}/<release>/usr/sbin`,
  )
}

function fromStanzas(text: string): Source | undefined {
  for (const stanza of text.split(/\n\s*\n/)) {
    const field = (name: string) =>
      new RegExp(`^${name}:[ \\t]*(\\S+)`, 'im').exec(stanza)?.[1]?.replace(/\/$/, '')
    const uri = field('URIs')
    if (!uri || !isDebian(uri)) continue
    const key = field('Signed-By')
    return { uri, options: key?.startsWith('/') ? `[signed-by=${key}] ` : '' }
  }
  return undefined
}

function fromLines(text: string): Source | undefined {
  for (const line of text.split('\n')) {
    const [, options, address] = /^\s*deb\s+(\[[^\]]*\]\s+)?(\S+)/.exec(line) ?? []
    const uri = address?.replace(/\/$/, '')
    if (!uri || !isDebian(uri)) continue
    const key = /signed-by=(\S+?)[\s\]]/.exec(options ?? '')?.[1]
    return { uri, options: key ? `[signed-by=${key}] ` : '' }
  }
  return undefined
}

/** Debian's archive ends in /debian on every mirror; /debian-security has no such package. */
function isDebian(uri: string): boolean {
  return /\/debian$/.test(uri)
}

function compare(a: string, b: string): number {
  const left = a.split('.').map(Number)
  const right = b.split('.').map(Number)
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
