// Every key of nats-server 2.15 that concerns a single node, a cluster or a leaf node has a row: it is
// supported, without effect, or refused with a sentence. Aliases are joined by a slash.

import * as assert from 'uvu/assert'
import { edgeBlock } from '../../edge/options.ts'
import { checkConfig, formatProblem } from '../../src/server/check.ts'
import { parseConfText } from '../../src/server/conf.ts'
import type { Block } from '../../src/server/option.ts'
import { spec } from '../support/spec.ts'

const tls = `
  cert_file key_file ca_file insecure verify verify_and_map
  verify_cert_and_check_known_urls allow_insecure_cipher_suites cipher_suites
  curve_preferences timeout connection_rate_limit pinned_certs cert_store cert_match_by
  cert_match ca_certs_match handshake_first/first/immediate cert_match_skip_invalid
  ocsp_peer certs/certificates min_version`

const keys: Readonly<Record<string, string>> = {
  '': `
    listen client_advertise port server_name host/net debug trace trace_verbose
    trace_headers logtime logtime_utc mappings/maps disable_sublist_cache/no_sublist_cache
    accounts default_sentinel authorization http https http_port/monitor_port https_port
    http_base_path cluster gateway leaf/leafnodes store_dir/storedir jetstream
    logfile/log_file logfile_size_limit/log_size_limit logfile_max_num/log_max_num syslog
    remote_syslog pidfile/pid_file ports_file_dir prof_port prof_block_rate
    max_control_line max_payload max_pending proxy_protocol max_connections/max_conn
    max_traced_msg_len max_subscriptions/max_subs max_sub_tokens/max_subscription_tokens
    ping_interval ping_max tls ocsp allow_non_tls write_deadline write_timeout
    lame_duck_duration lame_duck_grace_period
    operator/operators/roots/root/root_operators/root_operator
    resolver/account_resolver/accounts_resolver resolver_tls resolver_preload
    resolver_pinned_accounts no_auth_user system_account/system
    no_system_account/no_system/no_sys_acc no_header_support trusted/trusted_keys
    connect_error_reports reconnect_error_reports websocket/ws mqtt server_tags
    server_metadata feature_flags default_js_domain ocsp_cache no_fast_producer_stall
    max_closed_clients proxies`,
  cluster: `
    name listen port host/net authorization routes tls cluster_advertise/advertise
    no_advertise connect_retries connect_backoff permissions pool_size accounts compression
    ping_interval ping_max write_deadline write_timeout`,
  jetstream: `
    strict store/store_dir/storedir sync/sync_interval
    max_memory_store/max_mem_store/max_mem max_file_store/max_file domain enable/enabled
    key/ek/encryption_key prev_key/prev_ek/prev_encryption_key cipher extension_hint limits
    tpm unique_tag max_outstanding_catchup max_buffered_size max_buffered_msgs
    request_queue_limit info_queue_limit meta_compact meta_compact_size meta_compact_sync
    max_concurrent_io`,
  leafnodes: `
    listen port host/net authorization remotes reconnect/reconnect_delay/reconnect_interval
    dial_timeout tls leafnode_advertise/advertise no_advertise min_version/minimum_version
    compression isolate_leafnode_interest/isolate write_deadline write_timeout`,
  'leafnodes.authorization': `
    user/username pass/password nkey timeout users account proxy_required`,
  'leafnodes.remotes': `
    no_randomize/dont_randomize url/urls account/local creds/credentials nkey/seed tls hub
    deny_imports/deny_import deny_exports/deny_export
    ws_compress/ws_compression/websocket_compress/websocket_compression
    ws_no_masking/websocket_no_masking jetstream_cluster_migrate/js_cluster_migrate
    isolate_leafnode_interest/isolate request_isolation compression first_info_timeout
    dial_timeout disabled proxy ignore_discovered_servers`,
  authorization: `
    user/username pass/password token timeout users
    default_permission/default_permissions/permissions auth_callout/auth_hook
    proxy_required`,
  'authorization.users': `
    nkey user/username pass/password permission/permissions/authorization
    allowed_connection_types/connection_types/clients proxy_required`,
  tls: tls,
  'leafnodes.tls': tls,
  'leafnodes.remotes.tls': tls,
  websocket: `
    listen port host/net advertise no_tls tls same_origin
    allowed_origins/allowed_origin/allow_origins/allow_origin/origins/origin
    handshake_timeout compress/compression authorization/authentication jwt_cookie
    user_cookie pass_cookie token_cookie no_auth_user headers ping_interval`,
  'websocket.tls': tls,
  mqtt: `
    listen port host/net tls authorization/authentication no_auth_user ack_wait/ackwait
    js_api_timeout/api_timeout max_ack_pending/max_pending/max_inflight js_domain
    stream_replicas consumer_replicas consumer_memory_storage
    consumer_inactive_threshold/consumer_auto_cleanup reject_qos2_publish
    downgrade_qos2_subscribe`,
  'mqtt.tls': tls,
  'jetstream.limits': `
    max_ack_pending max_ha_assets max_request_batch duplicate_window batch`,
  'authorization.auth_callout': `
    issuer account/acc auth_users/users xkey/key allowed_accounts`,
  'cluster.authorization': 'user/username pass/password timeout',
  'cluster.tls': tls,
  accounts: `
    nkey users default_permissions exports imports jetstream mappings/maps limits
    msg_trace/trace_dest`,
  'accounts.users': `
    nkey user/username pass/password permission/permissions/authorization
    allowed_connection_types/connection_types/clients proxy_required`,
  'accounts.limits': `
    max_connections/max_conn max_subscriptions/max_subs max_payload/max_pay
    max_leafnodes/max_leafs`,
  'accounts.exports': `
    stream service response/response_type
    threshold/response_threshold/response_max_time/response_time accounts latency
    account_token_position allow_trace`,
  'accounts.imports': 'stream service prefix to share allow_trace',
  'accounts.mappings': 'dest/destination weight cluster',
  'leafnodes.remotes.proxy': 'url username/user password/pass timeout',
  resolver_tls: tls,
}

/** Of a gateway none has a meaning here: the block as a whole is refused. */
const gateway = `
  name: x, listen: "a:1", port: 1, host: a, net: a, authorization: { user: u }, tls: {},
  advertise: x, connect_retries: 1, connect_backoff: true, gateways: [], reject_unknown: true,
  reject_unknown_cluster: true, write_deadline: "1s", write_timeout: close`

function errorsOf(text: string): readonly string[] {
  const parsed = parseConfText(text, { env: {}, read: path => new Error(path) }, 'f')
  assert.ok(parsed.is === 'parsed', text)
  return checkConfig(parsed.root, edgeBlock).errors.map(formatProblem)
}

function blockAt(path: string): Block {
  let block: Block = edgeBlock
  for (const name of path.split('.').filter(Boolean)) {
    const row = block[name]
    const inner = row && 'block' in row ? row.block : undefined
    if (!inner) throw new Error(`no block ${path}`)
    block = inner
  }
  return block
}

spec('keys of nats-server', it => {
  for (const [path, text] of Object.entries(keys)) {
    it(`are all known ${path === '' ? 'at the top' : `in ${path}`}`, () => {
      const block = blockAt(path)
      const missing = text
        .trim()
        .split(/\s+/)
        .filter(group => {
          const names = group.split('/')
          return !Object.entries(block).some(([name, { aliases = [] }]) =>
            names.every(one => one === name || aliases.includes(one)),
          )
        })
      assert.equal(missing, [])
    })
  }

  it('are refused as one in gateway, where it stands', () => {
    for (const text of [`gateway { ${gateway} }`, 'gateway { nope: 1 }', 'gateway: 5']) {
      const [error, ...more] = errorsOf(`debug: true\n${text}`)
      assert.match(error ?? '', /^f:2:1: "gateway" is not supported by nats-edge: /)
      assert.equal(more, [])
    }
  })

  it('are told apart from others in exports and imports', () => {
    for (const [rule, key] of [
      ['exports: [{ stream: a, nope: 1 }]', 'nope'],
      ['exports: [{ service: a, prefix: b }]', 'prefix'],
      ['imports: [{ stream: { account: B, subject: a }, latency: b }]', 'latency'],
      ['imports: [{ service: { account: B, subject: a }, weight: 1 }]', 'weight'],
    ] as const) {
      const errors = errorsOf(`accounts { B {}, A {\n${rule} } }`)
      const found = errors.some(one => /^f:2:\d+: /.test(one) && one.includes(`"${key}"`))
      assert.ok(found, `${rule}: ${errors.join('; ')}`)
    }
  })
})
