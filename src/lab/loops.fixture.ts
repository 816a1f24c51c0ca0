/** Tests only: labs with loops. Bridges all joined to each other; two routers that point at each other. */

/** So many bridges, each joined to each and to a host: a circle from three on, and from four on every round doubles. */
export function bridgeLoop(bridges: number, stp: boolean): string {
  const nodes: string[] = []
  const links: string[] = []
  for (let i = 1; i <= bridges; i++) {
    const ports = [
      'host',
      ...Array.from({ length: bridges }, (_, k) => `p${k + 1}`).filter((_, k) => k + 1 !== i),
    ]
    const lines = [
      `ip link add br0 type bridge stp_state ${stp ? 1 : 0}`,
      'ip link set br0 up',
      ...ports.map((dev) => `ip link set ${dev} master br0`),
    ]
    nodes.push(`    s${i}:`, '      exec:', ...lines.map((line) => `        - ${line}`))
    nodes.push(`    h${i}: { exec: ["ip addr add 10.0.0.${i}/24 dev eth0"] }`)
    links.push(`    - endpoints: ["s${i}:host", "h${i}:eth0"]`)
    for (let k = i + 1; k <= bridges; k++) links.push(`    - endpoints: ["s${i}:p${k}", "s${k}:p${i}"]`)
  }
  return `name: bridge-loop
topology:
  nodes:
${nodes.join('\n')}
  links:
${links.join('\n')}
---
apiVersion: kubehop.dev/v1
kind: Lesson
spec:
  title: { en: A bridge loop }
  start: ["h1: ping 10.0.0.2"]
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
