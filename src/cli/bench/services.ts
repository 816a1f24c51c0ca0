/** Rules of a node with many services, as kube-proxy writes them: three endpoints each, and their chains. */
import { formatIp, parseIp4 } from '../../base/addr.ts'

const FIRST = parseIp4('10.96.0.0') as number

/** The cluster IP of service `n`: port 80 of TCP, and port 53 of UDP. */
export function serviceIp(n: number): number {
  return FIRST + 256 + n
}

/** What `iptables-restore` takes. */
export function serviceRules(services: number): string {
  const chains = ['KUBE-SERVICES', 'KUBE-NODEPORTS', 'KUBE-POSTROUTING', 'KUBE-MARK-MASQ']
  const rules = [
    '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
    '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
    '-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000',
    '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
    '-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000',
  ]
  const bodies: string[] = []
  for (let i = 0; i < services; i++) {
    const ip = formatIp(serviceIp(i))
    const proto = i < 100 ? ['tcp', 'udp'] : ['tcp']
    for (const p of proto) {
      const name = `default/s${i}:${p}`
      const port = p === 'tcp' ? 80 : 53
      const id = `${p === 'tcp' ? 'T' : 'U'}${String(i).padStart(6, '0')}`
      chains.push(`KUBE-SVC-${id}`)
      const wants = `-d ${ip}/32 -p ${p} -m comment --comment "${name} cluster IP" -m ${p} --dport ${port}`
      rules.push(`-A KUBE-SERVICES ${wants} -j KUBE-SVC-${id}`)
      bodies.push(
        `-A KUBE-SVC-${id} ! -s 10.244.0.0/16 -d ${ip}/32 -p ${p} -m comment --comment "${name} cluster IP" -m ${p} --dport ${port} -j KUBE-MARK-MASQ`,
      )
      for (let e = 0; e < 3; e++) {
        const at = `10.0.2.${2 + ((i + e) % 8)}`
        const sep = `KUBE-SEP-${id}-${e}`
        chains.push(sep)
        const draw = e === 2 ? '' : ` -m statistic --mode random --probability ${(1 / (3 - e)).toFixed(11)}`
        bodies.push(
          `-A KUBE-SVC-${id} -m comment --comment "${name} -> ${at}:8080"${draw} -j ${sep}`,
          `-A ${sep} -s ${at}/32 -m comment --comment "${name}" -j KUBE-MARK-MASQ`,
          `-A ${sep} -p ${p} -m comment --comment "${name}" -m ${p} -j DNAT --to-destination ${at}:8080`,
        )
      }
    }
  }
  rules.push(
    '-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
  )
  const heads = ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'].map((name) => `:${name} ACCEPT [0:0]`)
  const users = chains.map((name) => `:${name} - [0:0]`)
  return `${['*nat', ...heads, ...users, ...rules, ...bodies, 'COMMIT'].join('\n')}\n`
}
