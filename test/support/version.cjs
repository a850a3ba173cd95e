// Loaded before the test runner, in a syntax that every Node understands: says what is wrong
// where Node 20 would only say that it does not know the file extension .ts.

if (Number.parseInt(process.versions.node, 10) < 22) {
  console.error(`node ${process.versions.node} is too old: nats-edge needs node 22 or later`)
  process.exit(1)
}
