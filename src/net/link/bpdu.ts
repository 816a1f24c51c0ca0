/**
 * Spanning tree messages (IEEE 802.1D-1998 section 9) as the bytes above the 802.3 length field: LLC
 * header, then BPDU. Models net/bridge/br_stp_bpdu.c (Linux 6.18): 35 bytes of configuration or 4 of
 * topology change notification.
 */

export const STP_GROUP_MAC = 0x0180c2000000
export const LLC_BYTES = 3
export const BPDU_TCN = 0x80

const CONFIG_BYTES = 35
const TCN_BYTES = 4
const TICK_NS = 1_000_000_000 / 256

/** A configuration message. Bridge identifiers are 16 hex digits, times ns. */
export interface Bpdu {
  /** 0 configuration, 0x80 topology change notification: then nothing else counts. */
  type: number
  topologyChange: boolean
  topologyChangeAck: boolean
  root: string
  rootCost: number
  bridge: string
  port: number
  messageAgeNs: number
  maxAgeNs: number
  helloNs: number
  forwardDelayNs: number
}

export function encodeBpdu(bpdu: Bpdu): Uint8Array {
  const bytes = new Uint8Array(LLC_BYTES + (bpdu.type === BPDU_TCN ? TCN_BYTES : CONFIG_BYTES))
  bytes.set([0x42, 0x42, 0x03, 0, 0, 0, bpdu.type])
  if (bpdu.type === BPDU_TCN) return bytes
  bytes[7] = (bpdu.topologyChange ? 1 : 0) | (bpdu.topologyChangeAck ? 0x80 : 0)
  putId(bytes, 8, bpdu.root)
  putWord(bytes, 16, bpdu.rootCost >>> 16)
  putWord(bytes, 18, bpdu.rootCost)
  putId(bytes, 20, bpdu.bridge)
  putWord(bytes, 28, bpdu.port)
  putWord(bytes, 30, ticks(bpdu.messageAgeNs))
  putWord(bytes, 32, ticks(bpdu.maxAgeNs))
  putWord(bytes, 34, ticks(bpdu.helloNs))
  putWord(bytes, 36, ticks(bpdu.forwardDelayNs))
  return bytes
}

/** Undefined for anything that is no message of the 1998 protocol. */
export function decodeBpdu(bytes: Uint8Array): Bpdu | undefined {
  if (bytes.length < LLC_BYTES + TCN_BYTES) return undefined
  if (bytes[0] !== 0x42 || bytes[1] !== 0x42 || bytes[2] !== 3) return undefined
  if (bytes[3] !== 0 || bytes[4] !== 0 || bytes[5] !== 0) return undefined
  const type = bytes[6] ?? 0
  if (type === BPDU_TCN) return emptyBpdu(BPDU_TCN)
  if (type !== 0 || bytes.length < LLC_BYTES + CONFIG_BYTES) return undefined
  const flags = bytes[7] ?? 0
  return {
    type,
    topologyChange: (flags & 1) !== 0,
    topologyChangeAck: (flags & 0x80) !== 0,
    root: getId(bytes, 8),
    rootCost: getWord(bytes, 16) * 65536 + getWord(bytes, 18),
    bridge: getId(bytes, 20),
    port: getWord(bytes, 28),
    messageAgeNs: getWord(bytes, 30) * TICK_NS,
    maxAgeNs: getWord(bytes, 32) * TICK_NS,
    helloNs: getWord(bytes, 34) * TICK_NS,
    forwardDelayNs: getWord(bytes, 36) * TICK_NS,
  }
}

export function emptyBpdu(type: number): Bpdu {
  return {
    type,
    topologyChange: false,
    topologyChangeAck: false,
    root: '',
    rootCost: 0,
    bridge: '',
    port: 0,
    messageAgeNs: 0,
    maxAgeNs: 0,
    helloNs: 0,
    forwardDelayNs: 0,
  }
}

function ticks(ns: number): number {
  return Math.min(0xffff, Math.round(ns / TICK_NS))
}

function putWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = (value >>> 8) & 255
  bytes[at + 1] = value & 255
}

function getWord(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0)
}

function putId(bytes: Uint8Array, at: number, id: string): void {
  for (let i = 0; i < 8; i++) bytes[at + i] = Number.parseInt(id.slice(i * 2, i * 2 + 2), 16)
}

function getId(bytes: Uint8Array, at: number): string {
  let id = ''
  for (let i = 0; i < 8; i++) id += (bytes[at + i] ?? 0).toString(16).padStart(2, '0')
  return id
}
