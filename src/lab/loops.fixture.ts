/** Tests only: labs with loops. Three switches in a ring and two hosts; two routers that point at each other. */

const RING = ['eth0', 'eth1', 'eth2']

function ringSwitch(name: string, stp: boolean): string {
  const lines = [
    `ip link add br0 type bridge stp_state ${stp ? 1 : 0}`,
    'ip link set br0 up',
    ...RING.map((dev) => `ip link set ${dev} master br0`),
  ]
  return [`    ${name}:`, '      exec:', ...lines.map((line) => `        - ${line}`)].join('\n')
}

/** A ring of three bridges; without spanning tree one broadcast never ends. */
export function bridgeLoop(stp: boolean): string {
  return `name: bridge-loop
topology:
  nodes:
${['s1', 's2', 's3'].map((name) => ringSwitch(name, stp)).join('\n')}
    a: { exec: ["ip addr add 10.0.0.1/24 dev eth0"] }
    b: { exec: ["ip addr add 10.0.0.2/24 dev eth0"] }
    c: { exec: ["ip addr add 10.0.0.3/24 dev eth0"] }
  links:
    - endpoints: ["s1:eth0", "s2:eth1"]
    - endpoints: ["s2:eth0", "s3:eth1"]
    - endpoints: ["s3:eth0", "s1:eth1"]
    - endpoints: ["s1:eth2", "a:eth0"]
    - endpoints: ["s2:eth2", "b:eth0"]
    - endpoints: ["s3:eth2", "c:eth0"]
---
apiVersion: kubehop.dev/v1
kind: Lesson
spec:
  title: { en: A bridge loop }
  start: ["a: ping 10.0.0.2"]
`
}

/** Each router says that the other knows the way to 10.99.0.0/16. */
export function routingLoop(): string {
  return `name: routing-loop
topology:
  nodes:
    h: { exec: ["ip addr add 10.0.0.2/24 dev eth0", "ip route add default via 10.0.0.1"] }
    r1:
      exec:
        - ip addr add 10.0.0.1/24 dev eth0
        - ip addr add 10.0.1.1/24 dev eth1
        - sysctl -w net.ipv4.ip_forward=1
        - ip route add default via 10.0.1.2
    r2:
      exec:
        - ip addr add 10.0.1.2/24 dev eth0
        - sysctl -w net.ipv4.ip_forward=1
        - ip route add default via 10.0.1.1
  links:
    - endpoints: ["h:eth0", "r1:eth0"]
    - endpoints: ["r1:eth1", "r2:eth0"]
`
}
