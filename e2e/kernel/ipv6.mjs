// The IPv6 frames of two captures of the same flow: duplicate address detection, MLD, solicitations, echoes.
// TCP's segments but for bare ACKs. The oracle compares IPv4 and ARP only.

const FIELDS = [
  'frame.interface_name',
  'frame.packet_flags_direction',
  'ipv6.src',
  'ipv6.dst',
  'ipv6.hlim',
  'ipv6.plen',
  'icmpv6.type',
  'icmpv6.code',
  'icmpv6.nd.ns.target_address',
  'icmpv6.nd.na.target_address',
  'icmpv6.nd.na.flag',
  'icmpv6.echo.sequence_number',
  'icmpv6.mldr.mar.multicast_address',
  'tcp.len',
]

async function lines(run, file, chatter) {
  // Fragments are frames of their own: what tshark puts together depends on the order over all devices.
  const whole = ['-o', 'ipv6.defragment:FALSE']
  const args = [
    ...whole,
    '-r',
    file,
    '-Y',
    // Bare ACKs and FINs are not compared, as for IPv4.
    `ipv6 && !(tcp && tcp.len == 0 && tcp.flags.syn == 0 && tcp.flags.reset == 0)${chatter ? CHATTER : ''}`,
    '-T',
    'fields',
    ...FIELDS.flatMap((field) => ['-e', field]),
  ]
  const done = await run('tshark', args)
  if (done.code !== 0) throw new Error(`tshark ${file}: ${done.stderr}`)
  return done.stdout.split('\n').filter((line) => line !== '')
}

/** Frames that hosts send at random times of their own for minutes: router solicitations, multicast reports. */
const CHATTER = ' && !(icmpv6.type == 133) && !(icmpv6.type == 143)'

/**
 * `text`: differences, '' for none. Frames are compared as a multiset: timers of independent hosts race. `data`: TCP carried
 * some. `chatter`: what hosts say of themselves now and then is left out.
 */
export async function compareIpv6(run, real, sim, chatter) {
  const [left, right] = await Promise.all([lines(run, real, chatter), lines(run, sim, chatter)])
  const count = new Map()
  for (const line of left) count.set(line, (count.get(line) ?? 0) + 1)
  for (const line of right) count.set(line, (count.get(line) ?? 0) - 1)
  const differ = [...count].filter(([, n]) => n !== 0)
  const text = differ
    .map(([line, n]) => `${n > 0 ? '-' : '+'} ipv6 ${line.replaceAll('\t', ' ')} x${Math.abs(n)}\n`)
    .join('')
  return { text, data: right.some((line) => Number(line.split('\t').at(-1)) > 0) }
}
