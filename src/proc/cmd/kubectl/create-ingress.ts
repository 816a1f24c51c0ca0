/** An Ingress of `kubectl create ingress`'s rules: `host/path*=service:port[,tls[=secret]]`. */
import type { Json, JsonObject } from '../../../kube/types.ts'
import { fault } from './flow.ts'

const RULE =
  /^(?<host>[\w*\-.]*)(?<path>\/[^=*]*)?(?<star>\*)?=(?<service>[\w-]+):(?<port>[\w-]+)(,(?<tls>tls(=(?<secret>[\w-]*))?))?$/

/** The object, as `--dry-run=client -o yaml` prints it. */
export function ingressObject(
  name: string,
  rules: readonly string[],
  className: string,
  annotations: readonly string[],
  fallback: string,
): JsonObject {
  const notes = annotations.map((text): [string, string] => [
    text.split('=')[0]!,
    text.split('=').slice(1).join('='),
  ])
  const hosts: (Host & { paths: Json[] })[] = []
  const tls: (Tls & { hosts: string[] })[] = []
  for (const text of rules) {
    const found = RULE.exec(text)
    if (found === null) {
      fault(`error: rule ${text} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]`)
    }
    const { host = '', path = '/', star, service = '', port = '', tls: secured, secret = '' } = found!.groups!
    const entry = {
      backend: {
        service: { name: service, port: /^[0-9]+$/.test(port) ? { number: Number(port) } : { name: port } },
      },
      path,
      pathType: star === undefined ? 'Exact' : 'Prefix',
    }
    const same = hosts.find((one) => one.host === host)
    if (same === undefined) hosts.push({ host, paths: [entry] })
    else same.paths.push(entry)
    if (secured === undefined) continue
    const list = tls.find((one) => one.secret === secret)
    if (list === undefined) tls.push({ hosts: host === '' ? [] : [host], secret })
    else if (host !== '' && !list.hosts.includes(host)) list.hosts.push(host)
  }
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: {
      ...(notes.length === 0 ? {} : { annotations: Object.fromEntries(notes) }),
      creationTimestamp: null,
      name,
    },
    spec: specOf(hosts, tls, className, fallback),
    status: { loadBalancer: {} },
  }
}

interface Host {
  readonly host: string
  readonly paths: readonly Json[]
}

interface Tls {
  readonly hosts: readonly string[]
  readonly secret: string
}

function specOf(
  hosts: readonly Host[],
  tls: readonly Tls[],
  className: string,
  fallback: string,
): JsonObject {
  const [backend = '', port = ''] = fallback.split(':')
  return {
    ...(fallback === ''
      ? {}
      : {
          defaultBackend: {
            service: {
              name: backend,
              port: /^[0-9]+$/.test(port) ? { number: Number(port) } : { name: port },
            },
          },
        }),
    ...(className === '' ? {} : { ingressClassName: className }),
    ...(hosts.length === 0
      ? {}
      : { rules: hosts.map(({ host, paths }) => ({ ...(host === '' ? {} : { host }), http: { paths } })) }),
    ...(tls.length === 0
      ? {}
      : {
          tls: tls.map(({ hosts: names, secret }) => ({
            ...(names.length === 0 ? {} : { hosts: names }),
            ...(secret === '' ? {} : { secretName: secret }),
          })),
        }),
  }
}
