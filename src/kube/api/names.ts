/** Names and numbers as apimachinery pkg/util/validation checks them; each check returns the words of what is wrong. */
import {
  inPrefix,
  isLinkLocal,
  isLoopback,
  isMulticast,
  isUnspecified,
  parseIp,
  parsePrefix,
} from '../../base/addr.ts'

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?'
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`
const WILDCARD = `\\*\\.${SUBDOMAIN}`
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const VALUE = '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?'

const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const label1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const wildcard = /^\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const qualified = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/
const labelValue = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/

function regexError(message: string, pattern: string, ...examples: string[]): string {
  if (examples.length === 0) return `${message} (regex used for validation is '${pattern}')`
  const list = examples.map((one) => `'${one}'`).join(',  or ')
  return `${message} (e.g. ${list}, regex used for validation is '${pattern}')`
}

function tooLong(max: number): string {
  return `must be no more than ${max} characters`
}

/** Bytes of the text in UTF-8. */
export function byteLength(text: string): number {
  let n = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    n += c < 0x80 ? 1 : c < 0x800 ? 2 : c >= 0xd800 && c < 0xe000 ? 2 : 3
  }
  return n
}

export function dns1123Label(text: string): string[] {
  const errors = byteLength(text) > 63 ? [tooLong(63)] : []
  if (label.test(text)) return errors
  if (subdomain.test(text)) return [...errors, 'must not contain dots']
  const message =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"
  return [...errors, regexError(message, LABEL, 'my-name', '123-abc')]
}

export function dns1035Label(text: string): string[] {
  const errors = byteLength(text) > 63 ? [tooLong(63)] : []
  if (label1035.test(text)) return errors
  const message =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character"
  return [...errors, regexError(message, LABEL_1035, 'my-name', 'abc-123')]
}

export function dns1123Subdomain(text: string): string[] {
  const errors = byteLength(text) > 253 ? [tooLong(253)] : []
  if (subdomain.test(text)) return errors
  const message =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
  return [...errors, regexError(message, SUBDOMAIN, 'example.com')]
}

export function wildcardSubdomain(text: string): string[] {
  const errors = byteLength(text) > 253 ? [tooLong(253)] : []
  if (wildcard.test(text)) return errors
  const message =
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character"
  return [...errors, regexError(message, WILDCARD, '*.example.com')]
}

/** Keys of labels, annotations, taints: an optional DNS prefix, a slash, and a name. */
export function qualifiedName(text: string): string[] {
  const errors: string[] = []
  const message =
    "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
  const parts = text.split('/')
  let name = parts[0]
  if (parts.length === 2) {
    name = parts[1]
    if (parts[0] === '') errors.push('prefix part must be non-empty')
    else errors.push(...dns1123Subdomain(parts[0]).map((one) => `prefix part ${one}`))
  } else if (parts.length > 2) {
    const full = regexError(message, QUALIFIED, 'MyName', 'my.name', '123-abc')
    return [`${full} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`]
  }
  if (name === '') errors.push('name part must be non-empty')
  else if (byteLength(name) > 63) errors.push(`name part ${tooLong(63)}`)
  if (!qualified.test(name)) {
    errors.push(
      `name part ${regexError(message.slice('a qualified name '.length), QUALIFIED, 'MyName', 'my.name', '123-abc')}`,
    )
  }
  return errors
}

export function validLabelValue(text: string): string[] {
  const errors = byteLength(text) > 63 ? [tooLong(63)] : []
  if (labelValue.test(text)) return errors
  const message =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
  return [...errors, regexError(message, VALUE, 'MyValue', 'my_value', '12345')]
}

/** IANA service names: names of container ports and of targetPort. */
export function validPortName(text: string): string[] {
  const errors: string[] = []
  if (byteLength(text) > 15) errors.push(tooLong(15))
  if (!/^[-a-z0-9]+$/.test(text))
    errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
  if (!/[a-z]/.test(text)) errors.push('must contain at least one letter (a-z)')
  if (text.includes('--')) errors.push('must not contain consecutive hyphens')
  if (text.startsWith('-') || text.endsWith('-')) {
    errors.push('must not begin or end with a hyphen')
  }
  return errors
}

export function validPortNumber(port: number): string[] {
  return port >= 1 && port <= 65535 ? [] : ['must be between 1 and 65535, inclusive']
}

/** Keys of ConfigMaps and Secrets. */
export function configKey(text: string): string[] {
  const errors = byteLength(text) > 253 ? [tooLong(253)] : []
  if (!/^[-._a-zA-Z0-9]+$/.test(text)) {
    const message = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
    errors.push(regexError(message, '[-._a-zA-Z0-9]+', 'key.name', 'KEY_NAME', 'key-name'))
  }
  if (text === '.' || text === '..') errors.push(`must not be '${text}'`)
  else if (text.startsWith('..')) errors.push("must not start with '..'")
  return errors
}

/** Environment variables, with RelaxedEnvironmentVariableValidation on as it is by default. */
export function envName(text: string): string[] {
  const words =
    "a valid environment variable name must consist only of printable ASCII characters other than '='"
  return /^[ -<>-~]*$/.test(text) ? [] : [words]
}

export function headerName(text: string): string[] {
  const message = "a valid HTTP header must consist of alphanumeric characters or '-'"
  return /^[-A-Za-z0-9]+$/.test(text) ? [] : [regexError(message, '[-A-Za-z0-9]+', 'X-Header-Name')]
}

/** User and group numbers. */
export function validId(id: number): string[] {
  return id >= 0 && id <= 2_147_483_647 ? [] : ['must be between 0 and 2147483647, inclusive']
}

/** A name that stands in a URL's path: of kinds and objects that a backend refers to. */
export function pathSegment(text: string): string[] {
  if (text === '.' || text === '..') return [`may not be '${text}'`]
  return ['/', '%'].filter((one) => text.includes(one)).map((one) => `may not contain '${one}'`)
}

/** 'acme.io/foo': what is wrong, and the part that is. */
export function domainPrefixedPath(text: string): { value: string; words: string[] } {
  const at = text.indexOf('/')
  const words = 'must be a domain-prefixed path (such as "acme.io/foo")'
  if (at <= 0 || at === text.length - 1) return { value: text, words: [words] }
  const host = dns1123Subdomain(text.slice(0, at))
  if (host.length > 0) return { value: text.slice(0, at), words: host }
  const path = text.slice(at + 1)
  const pattern = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"
  const fits = /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/.test(path)
  return { value: path, words: fits ? [] : [regexError('Invalid path', pattern)] }
}

export function validIp(text: string): string[] {
  const words = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
  return parseIp(text) === undefined ? [words] : []
}

export function validCidr(text: string): string[] {
  const words = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'
  return !text.includes('/') || parsePrefix(text) === undefined ? [words] : []
}

/** Addresses that must not be an endpoint's or an external one's. */
export function nonSpecialIp(text: string): string[] {
  const ip = parseIp(text)
  if (ip === undefined) return ['must be a valid IP address']
  if (isUnspecified(ip)) return [`may not be unspecified (${text})`]
  if (isLoopback(ip)) return ['may not be in the loopback range (127.0.0.0/8, ::1/128)']
  if (isLinkLocal(ip)) return ['may not be in the link-local range (169.254.0.0/16, fe80::/10)']
  if (isMulticast(ip) && inLinkLocalMulticast(text)) {
    return ['may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)']
  }
  return []
}

function inLinkLocalMulticast(text: string): boolean {
  const ip = parseIp(text)
  const net = parseIp(typeof ip === 'number' ? '224.0.0.0' : 'ff02::')
  return ip !== undefined && net !== undefined && inPrefix(ip, net, typeof ip === 'number' ? 24 : 16)
}

/** `25%` */
export function isPercent(text: string): boolean {
  return /^[0-9]+%$/.test(text)
}

export function validPercent(text: string): string[] {
  const message = "a valid percent string must be a numeric string followed by an ending '%'"
  return isPercent(text) ? [] : [regexError(message, '[0-9]+%', '1%', '93%')]
}
