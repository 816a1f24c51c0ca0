/** Names of kube-proxy's chains. Models pkg/proxy/iptables/proxier.go (Kubernetes 1.32): portProtoHash, servicePortChainName. */
import { sha256 } from '../../../base/sha256.ts'

export type ChainKind = 'KUBE-SVC' | 'KUBE-SVL' | 'KUBE-EXT' | 'KUBE-FW' | 'KUBE-SEP'

/** RFC 4648's base32 alphabet. */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** `NAMESPACE/NAME[:PORT]`; a port without a name adds no colon. */
export function servicePortName(namespace: string, name: string, port: string): string {
  return port === '' ? `${namespace}/${name}` : `${namespace}/${name}:${port}`
}

/**
 * The chain of a service port, or of one endpoint of it (`endpoint` as `IP:PORT`, IPv6 in brackets).
 * `protocol` in lower case.
 */
export function chainName(kind: ChainKind, portName: string, protocol: string, endpoint = ''): string {
  return `${kind}-${hash16(portName + protocol + endpoint)}`
}

/** `IP:PORT`, an IPv6 address in brackets. */
export function endpointText(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}

/** The first 16 characters of base32(sha256(text)): the first ten bytes. */
function hash16(text: string): string {
  const bytes = sha256(text)
  let out = ''
  let bits = 0
  let have = 0
  for (let i = 0; out.length < 16; i++) {
    bits = ((bits << 8) | bytes[i]!) & 0xfff
    have += 8
    while (have >= 5 && out.length < 16) {
      have -= 5
      out += ALPHABET[(bits >> have) & 31]
    }
  }
  return out
}
