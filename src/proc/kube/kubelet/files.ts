/** Files that a kubelet writes for containers. Models pkg/kubelet/kubelet_pods.go and network/dns (1.32). */
import { clusterOf } from '../../../kube/cluster.ts'
import type { Pod } from '../../../kube/objects-pod.ts'
import { readFile } from '../../../run/files.ts'
import { cniHost } from '../../cni/host.ts'
import type { Kubelet } from './state.ts'

const MAX_HOSTNAME = 63
const MAX_SEARCHES = 32
const HOSTS =
  '# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n' +
  'fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n'

/** The host name in a pod, and the domain that comes after it, '' for none. */
export function podNames(kubelet: Kubelet, { metadata, spec }: Pod): { hostname: string; domain: string } {
  if (spec.hostNetwork === true) return { hostname: kubelet.machine.hostname, domain: '' }
  const { clusterDomain } = clusterOf(kubelet.world).options.kubelet
  const cut = (text: string) => text.slice(0, MAX_HOSTNAME).replace(/[-.]+$/, '')
  const own = spec.hostname === undefined || spec.hostname === '' ? cut(metadata.name) : spec.hostname
  const domain = spec.subdomain ? `${spec.subdomain}.${metadata.namespace}.svc.${clusterDomain}` : ''
  const whole = spec.setHostnameAsFQDN === true && domain !== ''
  return { hostname: whole ? `${own}.${domain}` : own, domain }
}

/** /etc/hosts */
export function hostsText(kubelet: Kubelet, pod: Pod, ips: readonly string[]): string {
  const { hostAliases = [], hostNetwork } = pod.spec
  let text: string
  if (hostNetwork === true) {
    text = `# Kubernetes-managed hosts file (host network).\n${nodeFile(kubelet, '/etc/hosts')}`
  } else {
    const { hostname, domain } = podNames(kubelet, pod)
    const short =
      domain !== '' && hostname.endsWith(`.${domain}`) ? hostname.slice(0, -domain.length - 1) : hostname
    const names = domain === '' ? short : `${short}.${domain}\t${short}`
    // Two pieces: the first is every pod's.
    text = HOSTS + ips.map((ip) => [ip, '\t', names, '\n'].join('')).join('')
  }
  if (hostAliases.length === 0) return text
  const aliases = hostAliases.map(({ ip, hostnames = [] }) => `${[ip, ...hostnames].join('\t')}\n`)
  return `${text}\n# Entries added by HostAliases.\n${aliases.join('')}`
}

/** /etc/resolv.conf as the runtime writes it from what the kubelet says. */
export function resolvText(kubelet: Kubelet, { metadata, spec }: Pod): string {
  const { clusterDns, clusterDomain } = clusterOf(kubelet.world).options.kubelet
  const node = parseResolv(nodeFile(kubelet, '/etc/resolv.conf'))
  const policy = spec.dnsPolicy ?? 'ClusterFirst'
  const cluster =
    policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && spec.hostNetwork !== true)
  let { servers, searches, options } = node
  if (policy === 'None') servers = searches = options = []
  else if (cluster && clusterDns.length > 0) {
    const own = [`${metadata.namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain]
    servers = [...clusterDns]
    searches = [...new Set([...own, ...node.searches])]
    options = ['ndots:5', ...node.options.filter((one) => !one.startsWith('ndots:'))]
  }
  const { dnsConfig } = spec
  if (dnsConfig !== undefined) {
    servers = [...new Set([...servers, ...(dnsConfig.nameservers ?? [])])]
    searches = [...new Set([...searches, ...(dnsConfig.searches ?? [])])]
    const added = (dnsConfig.options ?? []).map(({ name = '', value }) => (value ? `${name}:${value}` : name))
    const names = new Set(added.map((one) => one.split(':')[0]))
    options = [...options.filter((one) => !names.has(one.split(':')[0])), ...added]
  }
  const lines: string[] = []
  if (searches.length > 0) lines.push(`search ${searches.slice(0, MAX_SEARCHES).join(' ')}`)
  for (const server of servers.slice(0, 3)) lines.push(`nameserver ${server}`)
  if (options.length > 0) lines.push(`options ${options.join(' ')}`)
  return lines.map((line) => `${line}\n`).join('')
}

function parseResolv(text: string): { servers: string[]; searches: string[]; options: string[] } {
  const found = { servers: [] as string[], searches: [] as string[], options: [] as string[] }
  for (const line of text.split('\n')) {
    const [word, ...rest] = line.trim().split(/\s+/)
    if (word === 'nameserver' && rest[0] !== undefined) found.servers.push(rest[0])
    else if (word === 'search' || word === 'domain') found.searches = rest
    else if (word === 'options') found.options = rest
  }
  return found
}

function nodeFile({ world, machine }: Kubelet, path: string): string {
  return readFile(cniHost(world, machine.id).files, path).text
}
