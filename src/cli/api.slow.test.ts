// The API server against a real kubectl 1.32, and against those whom it must turn away. Without that kubectl on the
// machine, the first part is left out.
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { setWallClock } from '../lab/cluster-api.ts'
import { startRun } from '../lab/headless.ts'
import { kubeconfig } from './api.ts'
import type { ApiServer } from './api-server.ts'
import { startApiServer } from './api-server.ts'

const LAB = `name: three
topology:
  nodes:
    controlplane:
      labels: {kubehop.dev/node: control-plane}
      exec: [ip addr add 192.168.1.11/24 dev eth0]
    node01:
      labels: {kubehop.dev/node: worker}
      exec: [ip addr add 192.168.1.12/24 dev eth0]
    lan: {kind: bridge}
  links:
    - endpoints: ["controlplane:eth0", "lan:a"]
    - endpoints: ["node01:eth0", "lan:b"]
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
networking: {podSubnet: 10.244.0.0/16}
dns: {disabled: true}
---
cniVersion: 1.0.0
name: cbr0
plugins:
  - type: bridge
    bridge: cni0
    isGateway: true
    ipMasq: true
    ipam: {type: host-local, ranges: [[{subnet: "{{.PodCIDR}}"}]]}
`

function hasKubectl(): boolean {
  try {
    const text = execFileSync('kubectl', ['version', '--client'], { encoding: 'utf8', stdio: 'pipe' })
    return /Client Version: v1\.32\./.test(text)
  } catch {
    return false
  }
}

const folder = mkdtempSync(join(tmpdir(), 'kubehop-api-'))
const opened: { server?: ApiServer } = {}

beforeAll(async () => {
  const { run, diagnostics } = startRun(LAB, 1, Date.now() - 60_000)
  expect(diagnostics).toEqual([])
  setWallClock(run!.world, Date.now())
  opened.server = await startApiServer(run!, { port: 0, speed: 10 })
  writeFileSync(join(folder, 'config'), kubeconfig(opened.server.url))
})

afterAll(async () => {
  await opened.server?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** What the real kubectl prints, and its exit code. */
function kubectl(line: string, input = ''): Promise<{ code: number; out: string; err: string }> {
  const words = ['--kubeconfig', join(folder, 'config'), '--cache-dir', join(folder, 'cache')]
  return new Promise((resolve) => {
    const child = execFile(
      'kubectl',
      [...words, ...line.split(' ')],
      { timeout: 30_000 },
      (error, out, err) => {
        const code = typeof error?.code === 'number' ? error.code : error === null ? 0 : -1
        resolve({ code, out, err })
      },
    )
    child.stdin?.end(input)
  })
}

/** One request by hand; `path` is what follows the address, or all of it where it begins with a slash twice. */
function ask(
  path: string,
  headers: Record<string, string> = {},
  body?: Buffer,
): Promise<{ code: number; text: string }> {
  const { url, port } = opened.server!
  const prefix = path.startsWith('//') ? '' : new URL(url).pathname
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      path: prefix + path.replace(/^\/\//, '/'),
      headers,
      method: body === undefined ? 'GET' : 'POST',
    }
    const sent = request(options, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (piece: string) => {
        text += piece
      })
      response.on('end', () => resolve({ code: response.statusCode ?? 0, text }))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

describe('who may ask', () => {
  it('only who knows the secret, from 127.0.0.1, and no web page', async () => {
    expect((await ask('/version')).text).toContain('"gitVersion":"v1.32.')
    expect(await ask('//version')).toMatchObject({ code: 403 })
    expect(await ask('//wrong/version')).toMatchObject({ code: 403 })
    expect(await ask('/version', { origin: 'http://127.0.0.1' })).toMatchObject({ code: 403 })
    expect(await ask('/version', { origin: 'null' })).toMatchObject({ code: 403 })
    expect(await ask('/version', { 'sec-fetch-site': 'same-origin' })).toMatchObject({ code: 403 })
    expect(await ask('/version', { host: 'evil.example' })).toMatchObject({ code: 403 })
    expect(await ask('/version', { host: `localhost:${opened.server!.port}` })).toMatchObject({ code: 200 })
  })

  it('is answered whatever is sent', async () => {
    expect(await ask('/api/v1/%zz')).toMatchObject({ code: 400 })
    expect(await ask('/nothing')).toMatchObject({ code: 404 })
    const long = Buffer.alloc(4 * 1024 * 1024, 32)
    expect(await ask('/api/v1/namespaces', {}, long)).toMatchObject({ code: 413 })
    const bad = await ask('/api/v1/namespaces', { 'content-type': 'application/json' }, Buffer.from('{'))
    expect(bad.code).toBe(400)
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket' }
    expect(await ask('//api/v1/pods', upgrade)).toMatchObject({ code: 403 })
  })
})

const MANIFEST = `apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {app: web}}
data: {color: blue, __proto__: round}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx}]}
`

const real = describe.skipIf(!hasKubectl()) // skips: no kubectl 1.32 on this machine

real('a real kubectl 1.32', () => {
  it('applies, changes and applies again', async () => {
    const words = (what: string) => [
      `configmap/settings ${what}`,
      `service/web ${what}`,
      `deployment.apps/web ${what}`,
    ]
    const first = await kubectl('apply -f -', MANIFEST)
    expect(first).toEqual({ code: 0, out: `${words('created').join('\n')}\n`, err: '' })
    const again = await kubectl('apply -f -', MANIFEST)
    expect(again).toEqual({ code: 0, out: `${words('unchanged').join('\n')}\n`, err: '' })
    const changed = await kubectl('apply -f -', MANIFEST.replace('blue', 'green'))
    expect(changed.out.split('\n')[0]).toBe('configmap/settings configured')
    expect((await kubectl('get cm settings -o jsonpath={.data}')).out).toBe(
      '{"__proto__":"round","color":"green"}',
    )
    const server = await kubectl('apply --server-side -f -', MANIFEST.replace('settings', 'other'))
    expect(server.out.split('\n')[0]).toBe('configmap/other serverside-applied')
    const diff = await kubectl('diff -f -', MANIFEST)
    expect(diff.out).toContain('-  color: green\n+  color: blue\n')
    const wrong = await kubectl(
      'apply -f -',
      'apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {port: 1}\n',
    )
    expect(wrong.err).toContain('unknown field "spec.port"')
  })

  it('gets in all outputs', async () => {
    expect((await kubectl('get svc web')).out).toMatch(
      /^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE\nweb +ClusterIP +10\.\d+\.\d+\.\d+ +<none> +80\/TCP +\d+s\n$/,
    )
    expect((await kubectl('get svc web -o wide')).out).toContain('app=web')
    expect((await kubectl('get svc,deploy -o name')).out).toBe(
      'service/kubernetes\nservice/web\ndeployment.apps/web\n',
    )
    expect(JSON.parse((await kubectl('get svc web -o json')).out)).toMatchObject({
      kind: 'Service',
      spec: { ports: [{ port: 80, protocol: 'TCP', targetPort: 8080 }], type: 'ClusterIP' },
    })
    expect((await kubectl('get svc web -o yaml')).out).toContain('\n  sessionAffinity: None\n')
    expect((await kubectl('get svc web -o custom-columns=N:.metadata.name,P:.spec.ports[0].port')).out).toBe(
      'N     P\nweb   80\n',
    )
    expect((await kubectl('get svc --show-labels -l app=none')).err).toBe(
      'No resources found in default namespace.\n',
    )
    expect((await kubectl('get svc none')).err).toBe(
      'Error from server (NotFound): services "none" not found\n',
    )
    expect((await kubectl('describe svc web')).out).toMatch(
      /\nPort: +<unset> +80\/TCP\nTargetPort: +8080\/TCP\n/,
    )
    expect((await kubectl('describe deploy web')).out).toContain('Scaled up replica set web-')
  })
})

real('a real kubectl 1.32, further', () => {
  it('creates by protobuf, labels, scales, watches, deletes', async () => {
    expect((await kubectl('create ns team')).out).toBe('namespace/team created\n')
    expect((await kubectl('create deployment box --image=busybox -n team')).out).toBe(
      'deployment.apps/box created\n',
    )
    expect((await kubectl('label cm settings tier=front')).out).toBe('configmap/settings labeled\n')
    expect((await kubectl('annotate cm settings note=x')).out).toBe('configmap/settings annotated\n')
    expect((await kubectl('expose deploy web --name=web2 --port=81')).out).toBe('service/web2 exposed\n')
    const watched = kubectl('get deploy web -w --request-timeout=4s')
    expect((await kubectl('scale deploy web --replicas=3')).out).toBe('deployment.apps/web scaled\n')
    expect((await watched).out).toMatch(/\nweb +\d\/3 +3 +\d +\d+s\n/)
    const wait = await kubectl('wait --for=jsonpath={.status.replicas}=3 deploy/web --timeout=5s')
    expect(wait.out).toBe('deployment.apps/web condition met\n')
    expect((await kubectl('delete svc web2')).out).toBe('service "web2" deleted\n')
    expect((await kubectl('get svc web2')).code).toBe(1)
  })

  it('knows what there is', async () => {
    expect((await kubectl('version')).out).toContain('Server Version: v1.32.')
    expect((await kubectl('api-resources --api-group=apps -o name')).out).toContain('deployments.apps\n')
    expect((await kubectl('explain service.spec.clusterIP')).out).toContain('FIELD: clusterIP <string>')
    expect((await kubectl('cluster-info')).out).toContain('Kubernetes control plane')
  })
})

const BOX = `apiVersion: v1
kind: Pod
metadata: {name: box, labels: {run: box}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: box
      image: busybox
      command: [sh, -c, 'for i in 1 2 3 4 5 6; do echo line $i; sleep 2; done; sleep 3600']
`

real('a real kubectl 1.32 and the containers', () => {
  it('follows a rollout', async () => {
    await kubectl(
      'apply -f -',
      MANIFEST.replaceAll('name: web', 'name: roll').replaceAll('app: web', 'app: roll'),
    )
    const done = 'deployment "roll" successfully rolled out\n'
    expect((await kubectl('rollout status deploy/roll --timeout=20s')).out.endsWith(done)).toBe(true)
    expect((await kubectl('set image deploy/roll roll=httpd')).out).toBe(
      'deployment.apps/roll image updated\n',
    )
    const status = await kubectl('rollout status deploy/roll --timeout=20s')
    expect(status.out.endsWith(done)).toBe(true)
    await kubectl('create deployment stuck --image=registry.example/none')
    const stuck = await kubectl('rollout status deploy/stuck --timeout=2s')
    expect(stuck).toEqual({
      code: 1,
      out: 'Waiting for deployment "stuck" rollout to finish: 0 of 1 updated replicas are available...\n',
      err: 'error: timed out waiting for the condition\n',
    })
    expect((await kubectl('rollout history deploy/roll')).out).toMatch(
      /REVISION +CHANGE-CAUSE\n1 +<none>\n2 +<none>\n/,
    )
    expect((await kubectl('get nodes')).out).toMatch(/\nnode01 +Ready +<none> +\S+ +v1\.32\.4\n/)
  })

  it('prints logs, and follows them', async () => {
    await kubectl('apply -f -', BOX)
    expect((await kubectl('wait --for=condition=Ready pod/box --timeout=20s')).code).toBe(0)
    const followed = await kubectl('logs box -f --limit-bytes=100000 --request-timeout=3s')
    expect(followed.out.startsWith('line 1\nline 2\nline 3\n')).toBe(true)
    expect((await kubectl('logs box --tail=1')).out).toBe('line 6\n')
    expect((await kubectl('logs box -c none')).err).toBe('error: container none is not valid for pod box\n')
  })

  it('runs commands in them, with input and exit codes', async () => {
    expect(await kubectl('exec box -- hostname')).toEqual({ code: 0, out: 'box\n', err: '' })
    const failed = await kubectl('exec box -- cat /none')
    expect([failed.code, failed.out]).toEqual([1, ''])
    expect(failed.err).toMatch(/^cat: .*No such file or directory\n/)
    expect(failed.err).toContain('command terminated with exit code 1\n')
    expect((await kubectl('exec -i box -- cat', 'eins\nzwei é\n')).out).toBe('eins\nzwei é\n')
    const none = await kubectl('exec box -- nosuchcommand')
    expect(none.code).toBe(1)
    expect(none.err).toContain('nosuchcommand')
    expect((await kubectl('exec nopod -- true')).err).toBe(
      'Error from server (NotFound): pods "nopod" not found\n',
    )
    expect((await kubectl('delete pod box')).out).toBe('pod "box" deleted\n')
  })
})
