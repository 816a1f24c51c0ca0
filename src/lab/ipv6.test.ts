// IPv6 typed as learners type it. The texts are what iproute2 6.1 and iputils 20221126 print on Linux 6.18.
import { expect, it } from 'vitest'
import { startRun, typeAll } from './headless.ts'

const LAB = `name: six
topology:
  nodes:
    a: { exec: [ip addr add 2001:db8:1::2/64 dev eth0, 'ip route add default via 2001:db8:1::1'] }
    r:
      exec:
        - ip addr add 2001:db8:1::1/64 dev eth0
        - ip addr add 2001:db8:2::1/64 dev eth1
        - sysctl -w net.ipv6.conf.all.forwarding=1
    b: { exec: [ip addr add 2001:db8:2::2/64 dev eth0, 'ip route add default via 2001:db8:2::1'] }
  links:
    - endpoints: ["a:eth0", "r:eth0"]
    - endpoints: ["r:eth1", "b:eth0"]
---
apiVersion: kubehop.dev/v1
kind: Lesson
spec: { ipv6: true }
`

/** What commands print at a, three seconds after the boot (duplicate address detection is over); times as T. */
function said(...commands: string[]): string {
  const { run, diagnostics } = startRun(LAB)
  expect(diagnostics).toEqual([])
  const typed = ['sleep 3', ...commands].map((command) => ({
    text: command,
    machine: 'a',
    netns: '',
    command,
    background: false,
  }))
  const ran = typeAll(run!, typed)
  if (typeof ran === 'string') return ran
  return ran.map((one) => (one.stdout + one.stderr).replace(/ *\d+\.\d+ ?ms/g, ' T')).join('')
}

it('a default route takes its family from its gateway', () => {
  expect(said('ip route', 'ip -6 route', 'ping -q -c 1 2001:db8:2::2')).toContain(
    '2001:db8:1::/64 dev eth0 proto kernel metric 256 pref medium\n' +
      'fe80::/64 dev eth0 proto kernel metric 256 pref medium\n' +
      'default via 2001:db8:1::1 dev eth0 metric 1024 pref medium\n' +
      'PING 2001:db8:2::2(2001:db8:2::2) 56 data bytes\n\n' +
      '--- 2001:db8:2::2 ping statistics ---\n1 packets transmitted, 1 received, 0% packet loss, time 0ms',
  )
  expect(said('ip route del default via 2001:db8:1::1', 'ping -c 1 2001:db8:2::2')).toBe(
    'ping: connect: Network is unreachable\n',
  )
})

it('tracepath finds the way and its MTU', () => {
  expect(said('tracepath -n 2001:db8:2::2')).toBe(
    ' 1?: [LOCALHOST] T pmtu 1500\n' +
      ' 1:  2001:db8:1::1 T \n 1:  2001:db8:1::1 T \n 2:  2001:db8:2::2 T reached\n' +
      '     Resume: pmtu 1500 hops 2 back 2 \n',
  )
  expect(said('ip -6 route del default', 'tracepath -n 2001:db8:2::2')).toBe(
    ' 1:  send failed\n     Resume: pmtu 128000 \n',
  )
})
