// What is measured, by the `systeminformation` package, which is loaded with the first sample.
//
// A sample must not hold the event loop. Several of the package's functions run a shell and wait
// for it (execSync): measured on a fast machine, currentLoad 7 ms, cpuTemperature 5, fsSize 4,
// networkStats('*') 80, many times that on a small board. Those figures come from Node or from
// /sys instead, and the package is asked for the rest. cpuTemperature is asked only where the
// kernel has no thermal zone, and not again once it knew nothing.

import { readFile, statfs } from 'node:fs/promises'
import { availableParallelism, cpus, loadavg, networkInterfaces } from 'node:os'
import type { SensorName } from './options.ts'

/** One figure or group of figures; null when the board has no such sensor. */
export type Sensor = () => Promise<unknown>
export type Sensors = Readonly<Record<SensorName, Sensor>>

const thermalZonesMax = 16
const interfacesMax = 32

export function newSensors(diskPath: string): Sensors {
  return {
    cpu: cpuSensor(),
    memory: measureMemory,
    temperature: temperatureSensor(),
    disk: () => measureDisk(diskPath),
    network: measureNetwork,
  }
}

/** Load since the last call, over all cores. */
function cpuSensor(): Sensor {
  let last = cpuTimes()
  return async () => {
    const now = cpuTimes()
    const total = now.total - last.total
    const busy = total - (now.idle - last.idle)
    last = now
    return {
      load_percent: total > 0 ? round((100 * busy) / total) : 0,
      load_average: loadavg().map(round),
      cores: availableParallelism(),
    }
  }
}

function cpuTimes(): { idle: number; total: number } {
  let idle = 0
  let total = 0
  for (const { times } of cpus()) {
    idle += times.idle
    total += times.user + times.nice + times.sys + times.idle + times.irq
  }
  return { idle, total }
}

async function measureMemory(): Promise<object> {
  const { mem } = await load()
  const { total, available, swaptotal, swapused } = await mem()
  return {
    total_bytes: total,
    available_bytes: available,
    used_percent: total > 0 ? round((100 * (total - available)) / total) : 0,
    swap_total_bytes: swaptotal,
    swap_used_bytes: swapused,
    process_bytes: process.memoryUsage.rss(),
  }
}

function temperatureSensor(): Sensor {
  let known = true
  return async () => {
    let celsius = await thermalZone()
    if (celsius === null && known) {
      const { cpuTemperature } = await load()
      celsius = (await cpuTemperature()).main
      known = celsius !== null
    }
    return celsius === null ? null : { cpu_celsius: celsius }
  }
}

/** The processor's thermal zone, or the first one that has a temperature. */
async function thermalZone(): Promise<number | null> {
  let first: number | null = null
  for (let zone = 0; zone < thermalZonesMax; zone++) {
    const path = `/sys/class/thermal/thermal_zone${zone}`
    const type = await textOf(`${path}/type`)
    if (type === null) break
    const milli = Number(await textOf(`${path}/temp`))
    if (!Number.isFinite(milli) || milli === 0) continue
    const celsius = round(milli / 1000)
    if (/cpu|soc|x86_pkg/i.test(type)) return celsius
    first ??= celsius
  }
  return first
}

/** null when the file cannot be read. */
async function textOf(path: string): Promise<string | null> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch {
    return null
  }
}

async function measureDisk(path: string): Promise<object> {
  const { bsize, blocks, bavail, bfree } = await statfs(path)
  const used = blocks - bfree
  return {
    path,
    total_bytes: blocks * bsize,
    available_bytes: bavail * bsize,
    // As df counts: what is kept for root is neither used nor free.
    used_percent: used + bavail > 0 ? round((100 * used) / (used + bavail)) : 0,
  }
}

async function measureNetwork(): Promise<object[]> {
  const names = Object.entries(networkInterfaces())
    .filter(([, addresses]) => addresses?.some(address => !address.internal))
    .map(([name]) => name)
    .slice(0, interfacesMax)
  if (names.length === 0) return []
  const { networkStats } = await load()
  const found = await networkStats(names.join(','))
  return found.map(one => ({
    name: one.iface,
    state: one.operstate,
    rx_bytes: one.rx_bytes,
    tx_bytes: one.tx_bytes,
    rx_errors: one.rx_errors,
    tx_errors: one.tx_errors,
    rx_dropped: one.rx_dropped,
    tx_dropped: one.tx_dropped,
  }))
}

/** Every call finds the module that the first one loaded. */
function load(): Promise<typeof import('systeminformation')> {
  return import('systeminformation')
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
