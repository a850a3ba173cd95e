// npm run bench: what the README promises, measured against the newest nats-server here.
//
//   npm run bench                        everything
//   npm run bench -- core                messages a second, all cells
//   npm run bench -- core 16 128 1:1     only these sizes and fans
//   npm run bench -- store 256           acknowledged publishes a second, this depth only
//   npm run bench -- memory
//   … --rounds=5 --ms=1000               more rounds, longer ones
//
// Exit code 1 when something is behind what is promised. A machine that does other things at
// the same time measures those: look at the cpu column.

import { cores, pinMyself } from './process.ts'
import { compile } from './program.ts'

const sizesDefault = [16, 128, 1024, 16_384]
const fansDefault = ['1:0', '1:1', '1:4', '4:4']
const depthsDefault = [1, 16, 256]

const args = process.argv.slice(2)
const words = args.filter(arg => !arg.startsWith('--'))
const parts = ['core', 'store', 'memory'].filter(part => words.includes(part))
const wants = (part: string) => parts.length === 0 || parts.includes(part)
const numbers = words.filter(word => /^\d+$/.test(word)).map(Number)
const fans = words.filter(word => /^\d+:\d+$/.test(word))
const rounds = flag('rounds', 3)
const ms = flag('ms', 1000)

const main = compile()
pinMyself()
if (!cores) console.log('only one core here: server and load share it')
const behind: string[] = []
if (wants('core')) {
  const { throughput } = await import('./throughput.ts')
  const sizes = numbers.length > 0 ? numbers : sizesDefault
  behind.push(
    ...(await throughput({ sizes, fans: fans.length > 0 ? fans : fansDefault, rounds, ms, main })),
  )
}
if (wants('store')) {
  const { storing } = await import('./storing.ts')
  behind.push(
    ...(await storing({ depths: numbers.length > 0 ? numbers : depthsDefault, rounds, ms, main })),
  )
}
if (wants('memory')) {
  const { memory } = await import('./memory.ts')
  behind.push(...(await memory(main)))
}
for (const one of behind) console.log(`behind: ${one}`)
process.exit(behind.length === 0 ? 0 : 1)

function flag(name: string, otherwise: number): number {
  const text = args.find(arg => arg.startsWith(`--${name}=`))
  return text === undefined ? otherwise : Number(text.slice(name.length + 3))
}
