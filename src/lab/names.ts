/** What may be a name in a lab, and where a command is typed. */

/** Machine names are also host names and the first half of a namespace's name: no dot, no slash. */
export function machineNameError(name: string): string {
  if (name.length === 0 || name.length > 63)
    return `machine name "${name.slice(0, 80)}" must have 1 to 63 characters`
  if (!/^[A-Za-z0-9_-]+$/.test(name)) {
    return `machine name ${JSON.stringify(name)} may hold only letters, digits, "-" and "_"`
  }
  if (/^\d+$/.test(name) || name === '__proto__')
    return `machine name "${name}" cannot be a key of the lab file`
  if (name.startsWith('-')) return `machine name "${name}" may not begin with "-"`
  return ''
}

/** A namespace's name as `ip netns add` takes it; the dot is kept for MACHINE.NETNS. */
export function netnsNameError(name: string): string {
  if (!/^[A-Za-z0-9_-]{1,63}$/.test(name) || name.startsWith('-')) {
    return `Invalid netns name ${JSON.stringify(name.slice(0, 80))}`
  }
  return ''
}

/** Models dev_valid_name of net/core/dev.c, in iproute2's words. */
export function ifnameError(name: string): string {
  const bytes = [...name].reduce((n, c) => n + utf8Length(c.codePointAt(0) ?? 0), 0)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what the kernel refuses
  const bad = bytes === 0 || bytes > 15 || name === '.' || name === '..' || /[/:\s\u0000]/.test(name)
  return bad ? `${JSON.stringify(name.slice(0, 80))} not a valid ifname` : ''
}

/** Splits `MACHINE[/NETNS]: COMMAND`; a string is the reason why it is none. */
export function parsePlaced(text: string): { machine: string; netns: string; command: string } | string {
  const colon = /:(\s|$)/.exec(text)
  if (colon === null) return `"${text.slice(0, 80)}" is not MACHINE[/NETNS]: COMMAND`
  const where = text.slice(0, colon.index).trim()
  const command = text.slice(colon.index + 1).trim()
  if (command === '') return `"${text.slice(0, 80)}" has no command`
  const room = parseRoom(where)
  return typeof room === 'string' ? room : { ...room, command }
}

/** Splits `MACHINE[/NETNS]`; a string is the reason why it is none. */
export function parseRoom(where: string): { machine: string; netns: string } | string {
  const slash = where.indexOf('/')
  const machine = slash < 0 ? where : where.slice(0, slash)
  const netns = slash < 0 ? '' : where.slice(slash + 1)
  const error = machineNameError(machine)
  if (error !== '') return error
  if (slash >= 0 && netnsNameError(netns) !== '') return netnsNameError(netns)
  return { machine, netns }
}

/** Full namespace name: `MACHINE` or `MACHINE.NETNS`. */
export function roomId(machine: string, netns: string): string {
  return netns === '' ? machine : `${machine}.${netns}`
}

/** Splits a room id `MACHINE[.NETNS]` or port id `MACHINE[.NETNS]/IFNAME`. */
export function splitId(id: string): { machine: string; netns: string; ifname: string } {
  const slash = id.indexOf('/')
  const room = slash < 0 ? id : id.slice(0, slash)
  const dot = room.indexOf('.')
  return {
    machine: dot < 0 ? room : room.slice(0, dot),
    netns: dot < 0 ? '' : room.slice(dot + 1),
    ifname: slash < 0 ? '' : id.slice(slash + 1),
  }
}

function utf8Length(code: number): number {
  if (code < 0x80) return 1
  if (code < 0x800) return 2
  return code < 0x10000 ? 3 : 4
}
