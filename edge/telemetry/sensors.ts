// What is measured, by the `systeminformation` package where that is cheap.
//
// A sample must not hold the event loop, and must not cost much memory. Several of the package's
// functions run a shell and wait for it (execSync): measured on a fast machine, currentLoad 7 ms,
// cpuTemperature 5, fsSize 4, networkStats('*') 80, many times that on a small board. Those
// figures come from Node or from /sys. And the package as a whole takes 4.9 MB, its memory and
// network parts 1.4: only these are loaded, with the first sample.

import { readFile, statfs } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, loadavg, networkInterfaces } from 'node:os'
import type { Systeminformation } from 'systeminformation'
import type { SensorName } from './options.ts'

/** One figure or group of figures; null when the board has no such sensor. */
export type Sensor = () => Promise<unknown>
export type Sensors = Readonly<Record<SensorName, Sensor>>

/** Thermal zones, and hardware monitors, that are looked at. */
const zonesMax = 16
const interfacesMax = 32

export function newSensors(diskPath: string): Sensors {
  return {
    cpu: cpuSensor(),
    memory: measureMemory,
    temperature: measureTemperature,
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
  const { mem } = load<{ mem(): Promise<Systeminformation.MemData> }>('memory')
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

/** The kernel's thermal zone, as boards have it, or the chip's own sensor, as PCs do. */
async function measureTemperature(): Promise<object | null> {
  const celsius = (await thermalZone()) ?? (await chipSensor())
  return celsius === null ? null : { cpu_celsius: celsius }
}

/** The processor's thermal zone, or the first one that has a temperature. */
async function thermalZone(): Promise<number | null> {
  let first: number | null = null
  for (let zone = 0; zone < zonesMax; zone++) {
    const path = `/sys/class/thermal/thermal_zone${zone}`
    const type = await textOf(`${path}/type`)
    if (type === null) break
    const celsius = await celsiusOf(`${path}/temp`)
    if (celsius === null) continue
    if (/cpu|soc|x86_pkg/i.test(type)) return celsius
    first ??= celsius
  }
  return first
}

async function chipSensor(): Promise<number | null> {
  for (let chip = 0; chip < zonesMax; chip++) {
    const path = `/sys/class/hwmon/hwmon${chip}`
    const name = await textOf(`${path}/name`)
    if (name === null) break
    if (/cpu|coretemp|k10temp|zenpower/i.test(name)) return celsiusOf(`${path}/temp1_input`)
  }
  return null
}

/** A file of thousandths of a degree; null when there is none or it says nothing. */
async function celsiusOf(path: string): Promise<number | null> {
  const milli = Number(await textOf(path))
  return Number.isFinite(milli) && milli !== 0 ? round(milli / 1000) : null
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

interface Network {
  networkStats(names: string): Promise<Systeminformation.NetworkStatsData[]>
}

async function measureNetwork(): Promise<object[]> {
  const names = Object.entries(networkInterfaces())
    .filter(([, addresses]) => addresses?.some(address => !address.internal))
    .map(([name]) => name)
    .slice(0, interfacesMax)
  if (names.length === 0) return []
  const { networkStats } = load<Network>('network')
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

/** One part of the package; every call finds what the first one loaded. */
function load<Part>(part: 'memory' | 'network'): Part {
  return createRequire(import.meta.url)(`systeminformation/lib/${part}.js`) as Part
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
