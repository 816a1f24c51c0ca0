// Pods as a node runs them, in a whole lab: texts are kubelet's and containerd's own (Kubernetes 1.32).
import { describe, expect, it } from 'vitest'
import { apiList } from '../kube/api/local.ts'
import type { EndpointSlice, Lease, Node } from '../kube/objects.ts'
import { storeGet, storeOf } from '../kube/store/store.ts'
import { livesOf } from '../proc/kube/kubelet/labels.ts'
import {
  box,
  condition,
  create,
  events,
  ip,
  lab,
  logs,
  make,
  NGINX,
  NODE,
  pod,
  shell,
} from './cluster-pods.fixture.ts'

describe('a node', () => {
  it('registers, is ready once the runtime has a network, renews its lease and writes its rules', () => {
    const opened = lab()
    const { world } = opened.run
    const node = storeGet<Node>(storeOf(world), 'nodes', '', 'node1')!
    expect(node.metadata.labels?.['kubernetes.io/hostname']).toBe('node1')
    expect(node.spec?.podCIDR).toBe('10.244.0.0/24')
    expect(node.status?.nodeInfo?.kubeletVersion).toBe('v1.32.4')
    expect(node.status?.addresses).toEqual([
      { type: 'InternalIP', address: '10.100.0.2' },
      { type: 'Hostname', address: 'node1' },
    ])
    expect(node.status?.conditions?.at(-1)).toMatchObject({
      type: 'Ready',
      status: 'True',
      reason: 'KubeletReady',
      message: 'kubelet is posting ready status',
    })
    expect(opened.type('node1: cat /etc/cni/net.d/10-cbr0.conflist').stdout).toContain('10.244.0.0/24')
    const lease = () =>
      storeGet<Lease>(storeOf(world), 'leases.coordination.k8s.io', 'kube-node-lease', 'node1')!
    expect(lease().spec?.holderIdentity).toBe('node1')
    const before = lease().spec?.renewTime
    opened.wait(11)
    expect(lease().spec?.renewTime).not.toBe(before)
    const rules = opened.type('node1: iptables-save -t filter').stdout
    expect(rules).toContain(':KUBE-KUBELET-CANARY - [0:0]')
    expect(rules).toContain(
      '-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
    )
    expect(rules).toContain('-A INPUT -j KUBE-FIREWALL')
  })

  it('is not ready without a network configuration, and says what the runtime says', () => {
    const opened = lab(NODE)
    const node = storeGet<Node>(storeOf(opened.run.world), 'nodes', '', 'node1')!
    expect(node.status?.conditions?.at(-1)).toMatchObject({
      type: 'Ready',
      status: 'False',
      reason: 'KubeletNotReady',
      message:
        'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized',
    })
    const conf = JSON.stringify({
      cniVersion: '1.0.0',
      name: 'x',
      plugins: [{ type: 'bridge', ipam: { type: 'host-local', subnet: '10.244.0.0/24' } }],
    })
    opened.type(`node1: echo '${conf}' > /etc/cni/net.d/10-x.conflist`)
    opened.wait(5)
    const after = storeGet<Node>(storeOf(opened.run.world), 'nodes', '', 'node1')!
    expect(after.status?.conditions?.at(-1)?.status).toBe('True')
  })
})

describe('a pod', () => {
  it('gets an address from host-local, its files, and answers', () => {
    const opened = lab()
    make(opened, 'web', {
      containers: [{ ...NGINX, env: [{ name: 'GREETING', value: 'from $(KUBERNETES_SERVICE_HOST)' }] }],
      hostAliases: [{ ip: '1.2.3.4', hostnames: ['foo', 'bar'] }],
      subdomain: 'sub',
    })
    opened.wait(5)
    const { status } = pod(opened, 'web')
    expect(status).toMatchObject({ phase: 'Running', hostIP: '10.100.0.2' })
    expect(status?.podIPs).toEqual([{ ip: ip(opened, 'web') }])
    expect(ip(opened, 'web')).toMatch(/^10\.244\.0\.[0-9]+$/)
    expect(condition(opened, 'web', 'Ready')).toBe('True')
    expect(box(opened, 'web').containerID).toMatch(/^containerd:\/\/[0-9a-f]{64}$/)
    expect(opened.type(`node1: curl -s ${ip(opened, 'web')}`).stdout).toContain('Welcome to nginx!')
    expect(opened.type('node1/web: cat /etc/hosts').stdout).toBe(
      '# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n' +
        'fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n' +
        `${ip(opened, 'web')}\tweb.sub.default.svc.cluster.local\tweb\n\n` +
        '# Entries added by HostAliases.\n1.2.3.4\tfoo\tbar\n',
    )
    expect(opened.type('node1/web: cat /etc/resolv.conf').stdout).toBe(
      'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n',
    )
    expect(opened.type('node1/web: hostname').stdout).toBe('web\n')
    expect(opened.type('node1/web: echo $GREETING').stdout).toBe('from 10.96.0.1\n')
    expect(events(opened, 'web', 'Created')).toEqual(['Created container: c'])
    expect(events(opened, 'web', 'Started')).toEqual(['Started container c'])
  })

  it('shares what its like has, and has a name and files of its own', () => {
    const opened = lab()
    const says = shell('echo $HOSTNAME; sleep 3600')
    for (const name of ['one', 'two']) make(opened, name, { containers: [says] })
    opened.wait(8)
    const boxes = ['one', 'two'].map((name) => livesOf(opened.run.world, pod(opened, name), 'c')!.lives[0]!)
    expect(boxes[0]!.env).toBe(boxes[1]!.env)
    expect(boxes[0]!.argv).toBe(boxes[1]!.argv)
    for (const name of ['one', 'two']) {
      const at = (command: string) => opened.type(`node1/${name}: ${command}`).stdout
      expect(logs(opened, name)).toBe(`${name}\n`)
      expect(at('env')).toContain(`HOSTNAME=${name}\n`)
      expect(at('cat /etc/hostname')).toBe(`${name}\n`)
      expect(at('tail -n 1 /etc/hosts')).toBe(`${ip(opened, name)}\t${name}\n`)
    }
    expect(opened.type('node1/one: echo 10.0.0.9 other >> /etc/hosts').code).toBe(0)
    expect(opened.type('node1/one: grep -c . /etc/hosts').stdout).toBe('9\n')
    expect(opened.type('node1/two: grep -c . /etc/hosts').stdout).toBe('8\n')
    expect(opened.type('node1/two: rm /etc/hosts').code).toBe(0)
    expect(opened.type('node1/two: cat /etc/hosts').code).toBe(1)
    expect(opened.type('node1/one: tail -n 1 /etc/hosts').stdout).toBe('10.0.0.9 other\n')
  })

  it('crash-loops with kubelet’s back-off: at once, then 10 s, 20 s, 40 s', () => {
    const opened = lab()
    make(opened, 'crash', { containers: [shell('echo bye; exit 3')] })
    opened.wait(8)
    const address = ip(opened, 'crash')
    const { uid } = pod(opened, 'crash').metadata
    expect(box(opened, 'crash')).toMatchObject({
      restartCount: 1,
      state: {
        waiting: {
          reason: 'CrashLoopBackOff',
          message: `back-off 10s restarting failed container=c pod=crash_default(${uid})`,
        },
      },
      lastState: { terminated: { exitCode: 3, reason: 'Error' } },
    })
    expect(condition(opened, 'crash', 'Ready')).toBe(
      'False ContainersNotReady containers with unready status: [c]',
    )
    expect(pod(opened, 'crash').status?.phase).toBe('Running')
    expect(events(opened, 'crash', 'BackOff')).toEqual([
      `Back-off restarting failed container c in pod crash_default(${uid})`,
    ])
    const counts: number[] = []
    for (const seconds of [10, 20, 40]) {
      opened.wait(seconds)
      counts.push(box(opened, 'crash').restartCount)
    }
    expect(counts).toEqual([2, 3, 4])
    expect(logs(opened, 'crash')).toBe('bye\n')
    expect(ip(opened, 'crash')).toBe(address)
  })

  it('ends Completed, its address given back, its log still there', () => {
    const opened = lab()
    make(opened, 'job', {
      restartPolicy: 'Never',
      containers: [
        shell('echo $NAME at $IP on $(NODE)', {
          command: ['sh', '-c', 'echo $NAME at $IP on $(NODE)'],
          env: [
            { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
            { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
          ],
        }),
      ],
    })
    opened.wait(5)
    expect(pod(opened, 'job').status?.phase).toBe('Succeeded')
    expect(box(opened, 'job').state?.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' })
    expect(condition(opened, 'job', 'Ready')).toBe('False PodCompleted')
    expect(logs(opened, 'job')).toBe(`job at ${ip(opened, 'job')} on node1\n`)
    expect(opened.type('node1: ls /var/lib/cni/networks/cbr0').stdout).not.toContain(ip(opened, 'job'))
    expect(opened.type('node1: ps aux').stdout).not.toContain('pause')
  })

  it('keeps its address when a container restarts, and the log of the life before', () => {
    const opened = lab()
    make(opened, 'web', { containers: [NGINX] })
    opened.wait(5)
    const first = box(opened, 'web').containerID
    const address = ip(opened, 'web')
    opened.type(`node1: curl -s ${address}/before`)
    opened.type('node1: crictl stop $(crictl ps -q)')
    opened.wait(5)
    expect(box(opened, 'web')).toMatchObject({ restartCount: 1, ready: true })
    expect(box(opened, 'web').containerID).not.toBe(first)
    expect(box(opened, 'web').lastState?.terminated).toMatchObject({ exitCode: 137, containerID: first })
    expect(ip(opened, 'web')).toBe(address)
    expect(opened.type(`node1: curl -s ${address}`).stdout).toContain('Welcome')
    expect(logs(opened, 'web')).not.toContain('/before')
    expect(logs(opened, 'web', 'c', [['previous', 'true']])).toContain('/before')
  })

  it('is made anew when its sandbox dies', () => {
    const opened = lab()
    make(opened, 'web', { initContainers: [shell('echo prepared', { name: 'i' })], containers: [NGINX] })
    opened.wait(8)
    const before = ip(opened, 'web')
    opened.type('node1: kill -9 $(pgrep -f pause)')
    opened.wait(10)
    expect(events(opened, 'web', 'SandboxChanged')).toEqual([
      'Pod sandbox changed, it will be killed and re-created.',
    ])
    expect(pod(opened, 'web').status?.phase).toBe('Running')
    expect(ip(opened, 'web')).not.toBe(before)
    expect(opened.type(`node1: curl -s ${ip(opened, 'web')}`).stdout).toContain('Welcome')
    expect(box(opened, 'web')).toMatchObject({ restartCount: 1, ready: true })
    expect(pod(opened, 'web').status?.initContainerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      ready: true,
    })
  })
})

describe('probes', () => {
  it('readiness flips the condition and the endpoint, by packets from the node', () => {
    const opened = lab()
    const readinessProbe = { httpGet: { path: '/ok', port: 'http' }, periodSeconds: 2, failureThreshold: 1 }
    create(opened, 'services', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'default' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    })
    const ports = [{ name: 'http', containerPort: 80 }]
    make(opened, 'web', { containers: [{ ...NGINX, ports, readinessProbe }] }, { app: 'web' })
    opened.wait(6)
    expect(box(opened, 'web')).toMatchObject({ ready: false, started: true })
    expect(condition(opened, 'web', 'Ready')).toBe(
      'False ContainersNotReady containers with unready status: [c]',
    )
    expect(events(opened, 'web', 'Unhealthy')).toEqual([
      'Readiness probe failed: HTTP probe failed with statuscode: 404',
    ])
    expect(logs(opened, 'web')).toMatch(/10\.244\.0\.1 .*"GET \/ok HTTP\/1\.1" 404 .*"kube-probe\/1\.32"/)
    opened.type('node1/web: echo fine > /usr/share/nginx/html/ok')
    opened.wait(4)
    expect(condition(opened, 'web', 'Ready')).toBe('True')
    const ready = () =>
      apiList<EndpointSlice>(opened.run.world, 'endpointslices.discovery.k8s.io', { namespace: 'default' })
        .filter((one) => one.metadata.name.startsWith('web-'))
        .flatMap((one) => one.endpoints.map(({ conditions }) => conditions?.ready))
    expect(ready()).toEqual([true])
    opened.type('node1/web: rm /usr/share/nginx/html/ok')
    opened.wait(4)
    expect(condition(opened, 'web', 'Ready')).toMatch(/^False/)
    expect(ready()).toEqual([false])
  })

  it('liveness restarts the container; refusals and time-outs in Go’s words', () => {
    const opened = lab()
    const livenessProbe = { tcpSocket: { port: 81 }, periodSeconds: 1, failureThreshold: 2 }
    make(opened, 'a', { containers: [{ ...NGINX, livenessProbe }] })
    const readinessProbe = { httpGet: { port: 8080 }, periodSeconds: 1 }
    make(opened, 'b', { containers: [shell('nc -l -k -p 8080; sleep 100', { readinessProbe })] })
    make(opened, 'x', { containers: [{ ...NGINX, readinessProbe }] })
    opened.wait(6)
    expect(events(opened, 'a', 'Unhealthy')).toEqual([
      `Liveness probe failed: dial tcp ${ip(opened, 'a')}:81: connect: connection refused`,
    ])
    expect(events(opened, 'a', 'Killing')).toEqual(['Container c failed liveness probe, will be restarted'])
    expect(box(opened, 'a').restartCount).toBeGreaterThan(0)
    expect(events(opened, 'x', 'Unhealthy')).toEqual([
      `Readiness probe failed: Get "http://${ip(opened, 'x')}:8080/": dial tcp ${ip(opened, 'x')}:8080: connect: connection refused`,
    ])
    expect(events(opened, 'b', 'Unhealthy')[0]).toBe(
      `Readiness probe failed: Get "http://${ip(opened, 'b')}:8080/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    )
  })

  it('exec probes run in the container; startup holds the others back', () => {
    const opened = lab()
    const exec = { command: ['cat', '/tmp/ready'] }
    const startupProbe = { exec, periodSeconds: 1, failureThreshold: 30 }
    const livenessProbe = { exec: { command: ['false'] }, periodSeconds: 1, failureThreshold: 1 }
    make(opened, 'web', { containers: [shell('sleep 1000', { startupProbe, livenessProbe })] })
    opened.wait(8)
    expect(box(opened, 'web')).toMatchObject({ started: false, ready: false, restartCount: 0 })
    expect(events(opened, 'web', 'Unhealthy')[0]).toMatch(/^Startup probe failed: cat: /)
    opened.type('node1/web: touch /tmp/ready')
    opened.wait(3)
    expect(events(opened, 'web', 'Killing')).toEqual(['Container c failed liveness probe, will be restarted'])
  })
})
