/** `kubectl auth`: who asks, and what that one may do: everything, RBAC is not modelled. Models kubectl 1.32.4. */
import type { JsonObject } from '../../../kube/types.ts'
import { boolFlag, parseFlags } from './flags.ts'
import type { Flow } from './flow.ts'
import { complain, fault, print } from './flow.ts'
import { formatOf, typedText } from './output.ts'
import type { Client } from './rest.ts'
import { call, discover, must, openClient, resourceNamed } from './rest.ts'
import { arr, obj, str } from './describe-text.ts'
import { getColumns } from './tabs.ts'

export function auth(flow: Flow, args: readonly string[]): number {
  const [verb = ''] = args
  if (verb === '') fault('error: kubectl auth: its help is not modelled in Kubehop')
  if (verb === 'reconcile') fault('error: kubectl auth reconcile: not modelled in Kubehop')
  if (verb !== 'can-i' && verb !== 'whoami') {
    fault(`error: unknown command "${args.join(' ')}"\nSee 'kubectl auth -h' for help and examples`)
  }
  const spec = ['all-namespaces/A', 'quiet/q', 'list', 'subresource=', 'no-headers', 'output/o=', 'template=']
  const flags = parseFlags(`kubectl auth ${verb}`, args.slice(1), spec)
  const client = openClient(flow, flags)
  return verb === 'whoami' ? whoami(client) : canI(client)
}

function whoami(client: Client): number {
  const { flow, flags } = client
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
  const review = must<JsonObject>(call(client, 'POST', path, { body }))
  const format = formatOf(client)
  const user = obj(obj(review, 'status'), 'userInfo')
  if (format.kind === 'name') print(flow, 'selfsubjectreview.authentication.k8s.io/<unknown>\n')
  else if (format.kind !== 'table') print(flow, typedText(format, review, flags))
  else {
    const rows = [
      ['ATTRIBUTE', 'VALUE'],
      ['Username', str(user, 'username')],
      ['Groups', `[${arr(user, 'groups').map(String).join(' ')}]`],
    ]
    print(flow, getColumns(rows))
  }
  return 0
}

function canI(client: Client): number {
  const { flow, flags } = client
  if (boolFlag(flags, 'list')) {
    if (flags.operands.length > 0) fault('error: list option must be specified with no arguments')
    const rows = [
      ['Resources', 'Non-Resource URLs', 'Resource Names', 'Verbs'],
      ['*.*', '[]', '[]', '[*]'],
      ['', '[*]', '[]', '[*]'],
    ]
    print(flow, getColumns(boolFlag(flags, 'no-headers') ? rows.slice(1) : rows))
    return 0
  }
  const [what, type = ''] = flags.operands
  if (what === undefined || type === '' || flags.operands.length > 3) {
    fault(
      "error: you must specify two arguments: verb resource or verb resource/resourceName.\nSee 'kubectl auth can-i -h' for help and examples.",
    )
  }
  const word = type.split('/')[0]!
  if (word !== '*' && !type.startsWith('/')) {
    const info = resourceNamed(discover(client), word)
    if (info === undefined) {
      complain(flow, `Warning: the server doesn't have a resource type '${word}'\n\n`)
    } else if (!info.namespaced && !boolFlag(flags, 'all-namespaces')) {
      const group = info.group === '' ? '' : ` in group '${info.group}'`
      complain(flow, `Warning: resource '${info.resource}' is not namespace scoped${group}\n\n`)
    }
  }
  if (!boolFlag(flags, 'quiet')) print(flow, 'yes\n')
  return 0
}
