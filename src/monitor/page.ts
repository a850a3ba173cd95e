// The page at the root of the monitoring port: where everything is.

const links: readonly (readonly [string, string])[] = [
  ['/varz', 'General'],
  ['/jsz', 'JetStream'],
  ['/connz', 'Connections'],
  ['/accountz', 'Accounts'],
  ['/accstatz', 'Account Stats'],
  ['/subsz', 'Subscriptions'],
  ['/routez', 'Routes'],
  ['/leafz', 'LeafNodes'],
  ['/gatewayz', 'Gateways'],
  ['/raftz', 'Raft Groups'],
  ['/healthz', 'Health Probe'],
  ['/debug/vars', 'Expvar'],
  ['/edgez', 'Rooms'],
  ['/metrics', 'Metrics'],
]

/** `basePath` has no slash at its end; only paths that are `served` are shown. */
export function rootPage(
  name: string,
  version: string,
  basePath: string,
  served: (path: string) => boolean,
): string {
  const items = links
    .filter(([path]) => served(path))
    .map(([path, label]) => `    <li><a href="${escaped(basePath + path)}">${label}</a></li>`)
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>${escaped(name)}</title>
    <style>
      body { font: 18px/1.6 system-ui, sans-serif; margin: 2rem; color: #223 }
      a { color: #225c99 }
      small { color: #667 }
    </style>
  </head>
  <body>
    <h1>${escaped(name)} <small>${escaped(version)}</small></h1>
    <ul>
${items.join('\n')}
    </ul>
  </body>
</html>
`
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, one => `&#${one.charCodeAt(0)};`)
}
