/**
 * pcapng out: section header, one interface block per device, one enhanced packet block per frame.
 * Models draft-ietf-opsawg-pcapng; link type Ethernet, times in nanoseconds.
 */
import type { Mac } from '../base/addr.ts'
import { concatBytes, putMac } from './bytes.ts'

export interface CaptureDevice {
  /** `MACHINE/dev` or `MACHINE.NETNS/dev`. */
  name: string
  /** 0 for a loopback, which has none: its block then carries no address. */
  mac: Mac
}

export interface CaptureFrame {
  /** Index into the devices. */
  device: number
  /** Virtual ns. */
  at: number
  direction: 'in' | 'out'
  bytes: Uint8Array
}

const LINKTYPE_ETHERNET = 1
const OPT_IF_NAME = 2
const OPT_IF_MAC = 6
const OPT_IF_TSRESOL = 9
const OPT_EPB_FLAGS = 2

/** One capture file. Frames must be in order; `epochNs` (a decimal string) is the wall time of virtual time zero. */
export function writePcapng(
  devices: readonly CaptureDevice[],
  frames: readonly CaptureFrame[],
  epochNs = '0',
): Uint8Array {
  const epoch = BigInt(epochNs)
  return concatBytes([
    sectionHeader(),
    ...devices.map(interfaceBlock),
    ...frames.map((frame) => packetBlock(frame, epoch)),
  ])
}

function block(type: number, body: Uint8Array): Uint8Array {
  const length = body.length + 12
  const out = new Uint8Array(length)
  const view = new DataView(out.buffer)
  view.setUint32(0, type, true)
  view.setUint32(4, length, true)
  out.set(body, 8)
  view.setUint32(length - 4, length, true)
  return out
}

function sectionHeader(): Uint8Array {
  const body = new Uint8Array(16)
  const view = new DataView(body.buffer)
  view.setUint32(0, 0x1a2b3c4d, true)
  view.setUint16(4, 1, true)
  // Section length unknown: all ones.
  view.setUint32(8, 0xffffffff, true)
  view.setUint32(12, 0xffffffff, true)
  return block(0x0a0d0d0a, body)
}

function option(code: number, value: Uint8Array): Uint8Array {
  const out = new Uint8Array(4 + pad4(value.length))
  const view = new DataView(out.buffer)
  view.setUint16(0, code, true)
  view.setUint16(2, value.length, true)
  out.set(value, 4)
  return out
}

function pad4(length: number): number {
  return (length + 3) & ~3
}

function interfaceBlock(device: CaptureDevice): Uint8Array {
  const head = new Uint8Array(8)
  new DataView(head.buffer).setUint16(0, LINKTYPE_ETHERNET, true)
  const mac = new Uint8Array(6)
  putMac(mac, 0, device.mac)
  return block(
    1,
    concatBytes([
      head,
      option(OPT_IF_NAME, asciiBytes(device.name)),
      device.mac === 0 ? new Uint8Array(0) : option(OPT_IF_MAC, mac),
      option(OPT_IF_TSRESOL, Uint8Array.of(9)),
      new Uint8Array(4),
    ]),
  )
}

function packetBlock(frame: CaptureFrame, epoch: bigint): Uint8Array {
  const head = new Uint8Array(20)
  const view = new DataView(head.buffer)
  const time = epoch + BigInt(frame.at)
  view.setUint32(0, frame.device, true)
  view.setUint32(4, Number(time >> 32n), true)
  view.setUint32(8, Number(time & 0xffffffffn), true)
  view.setUint32(12, frame.bytes.length, true)
  view.setUint32(16, frame.bytes.length, true)
  const data = new Uint8Array(pad4(frame.bytes.length))
  data.set(frame.bytes)
  const flags = new Uint8Array(4)
  flags[0] = frame.direction === 'in' ? 1 : 2
  return block(6, concatBytes([head, data, option(OPT_EPB_FLAGS, flags), new Uint8Array(4)]))
}

/** Device names are ASCII: the lab file refuses anything else. */
function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0) & 0x7f)
}
