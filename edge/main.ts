#!/usr/bin/env node
// Where the process begins. Nothing else is loaded before the Node version is known to be right,
// so once compiled this file must be readable by Node 12: no newer syntax here.

const nodeMajorMin = 22

function begin(): void {
  const major = Number(process.versions.node.split('.')[0])
  if (!(major >= nodeMajorMin)) {
    process.stderr.write(
      `nats-edge needs Node.js ${nodeMajorMin} or newer, this is ${process.version}\n`,
    )
    process.exitCode = 1
    return
  }
  import('./app.ts').then(app => app.run(process.argv.slice(2), process.env))
}

begin()
