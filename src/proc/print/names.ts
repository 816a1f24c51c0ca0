/** Numbers and their names in iproute2's tables (rt_scopes, rt_protos, rt_tables), and names of namespaces. */
import { nsidOf } from '../../net/link/nsid.ts'
import type { Link, Netns, World } from '../../net/types.ts'
import { netnsNameOf } from '../../run/machine.ts'
import type { Machine } from '../../run/types.ts'

/** Where something is looked at from. */
export interface Place {
  world: World
  ns: Netns
  /** Whose names of namespaces are known; undefined: none are. */
  machine: Machine | undefined
}

const SCOPES: Readonly<Record<string, number>> = Object.freeze({
  global: 0,
  nowhere: 255,
  host: 254,
  link: 253,
  site: 200,
})

const PROTOS: Readonly<Record<string, number>> = Object.freeze({
  unspec: 0,
  redirect: 1,
  kernel: 2,
  boot: 3,
  static: 4,
  gated: 8,
  ra: 9,
  mrt: 10,
  zebra: 11,
  bird: 12,
  dnrouted: 13,
  xorp: 14,
  ntk: 15,
  dhcp: 16,
  keepalived: 18,
  babel: 42,
  openr: 99,
  bgp: 186,
  isis: 187,
  ospf: 188,
  rip: 189,
  eigrp: 192,
})

const TABLES: Readonly<Record<string, number>> = Object.freeze({
  unspec: 0,
  default: 253,
  main: 254,
  local: 255,
})

export function scopeName(scope: number): string {
  return nameOf(SCOPES, scope)
}

export function protoName(proto: number): string {
  return nameOf(PROTOS, proto)
}

export function tableName(table: number): string {
  return nameOf(TABLES, table)
}

/** A name of the table or a number in C's notation, at most `max`; undefined where it is neither. */
export function scopeNumber(text: string): number | undefined {
  return numberOf(SCOPES, text, 255)
}

export function protoNumber(text: string): number | undefined {
  return numberOf(PROTOS, text, 255)
}

export function tableNumber(text: string): number | undefined {
  return numberOf(TABLES, text, 0xffffffff)
}

/** strtoul(3) with base 0 over the whole text; undefined for anything else. */
export function cNumber(text: string): number | undefined {
  if (/^0[0-7]{0,12}$/.test(text)) return Number.parseInt(text, 8)
  if (/^([1-9][0-9]{0,14}|0[xX][0-9a-fA-F]{1,12})$/.test(text)) return Number(text)
  return undefined
}

/** The number that `ns` has for the namespace of a veth's other end; -1 where that is here or there is none. */
export function linkNsid(ns: Netns, link: Link): number {
  if (link.kind !== 'veth' || link.peer === null || link.peer.ns === ns.id) return -1
  return Math.max(0, nsidOf(ns, link.peer.ns))
}

/** `NAME` of a namespace that the machine has a name for, else ''. */
export function nsNameOf(machine: Machine | undefined, id: number): string {
  return machine === undefined ? '' : netnsNameOf(machine, id)
}

function nameOf(names: Readonly<Record<string, number>>, value: number): string {
  for (const [name, number] of Object.entries(names)) if (number === value) return name
  return String(value)
}

function numberOf(names: Readonly<Record<string, number>>, text: string, max: number): number | undefined {
  if (Object.hasOwn(names, text)) return names[text]
  const value = cNumber(text)
  return value !== undefined && value <= max ? value : undefined
}
