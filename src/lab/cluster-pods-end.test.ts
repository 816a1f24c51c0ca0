// How pods end, share, fail and survive their kubelet: texts are kubelet's and containerd's own (Kubernetes 1.32).
import { describe, expect, it } from 'vitest'
import { apiPatch } from '../kube/api/local.ts'
import { kubeletExec, kubeletExecEnd, kubeletExecMore } from '../proc/kube/kubelet/hooks.ts'
import { seek, stateHash } from '../sim/timeline.ts'
import { labPrograms } from './programs.ts'
import { openScenario } from './scenario.fixture.ts'
import {
  box,
  CNI,
  condition,
  create,
  events,
  exists,
  ip,
  lab,
  logs,
  make,
  NGINX,
  NODE,
  pod,
  remove,
  shell,
} from './cluster-pods.fixture.ts'

describe('the end of a pod', () => {
  it('waits for the grace where SIGTERM is not heard, and frees everything', () => {
    const opened = lab()
    make(opened, 'deaf', { containers: [shell('sleep 1000')], terminationGracePeriodSeconds: 7 })
    make(opened, 'web', { containers: [NGINX] })
    opened.wait(5)
    const address = ip(opened, 'deaf')
    remove(opened, 'deaf')
    remove(opened, 'web')
    opened.wait(2)
    expect([exists(opened, 'deaf'), exists(opened, 'web')]).toEqual([true, false])
    expect(events(opened, 'deaf', 'Killing')).toEqual(['Stopping container c'])
    opened.wait(4)
    expect(exists(opened, 'deaf')).toBe(true)
    opened.wait(2)
    expect(exists(opened, 'deaf')).toBe(false)
    expect(opened.type('node1: ip -br link show type veth').stdout).toBe('')
    expect(opened.type('node1: crictl ps -a -q').stdout).toBe('')
    expect(opened.type('node1: ip netns').stdout).toBe('')
    expect(opened.type('node1: ls /var/lib/cni/networks/cbr0').stdout).not.toContain(address)
  })

  it('runs preStop first, and takes a shorter grace', () => {
    const opened = lab()
    const lifecycle = {
      preStop: { exec: { command: ['sh', '-c', 'echo last words > /proc/1/fd/1; sleep 3'] } },
    }
    make(opened, 'web', { containers: [{ ...NGINX, lifecycle }] })
    make(opened, 'deaf', { containers: [shell('sleep 1000')] })
    opened.wait(5)
    remove(opened, 'web')
    remove(opened, 'deaf')
    opened.wait(2)
    expect(exists(opened, 'web')).toBe(true)
    opened.wait(3)
    expect(exists(opened, 'web')).toBe(false)
    expect(exists(opened, 'deaf')).toBe(true)
    remove(opened, 'deaf', 1)
    opened.wait(3)
    expect(exists(opened, 'deaf')).toBe(false)
  })

  it('goes on to ask for readiness while it ends', () => {
    const opened = lab()
    const readinessProbe = { exec: { command: ['cat', '/tmp/ready'] }, periodSeconds: 1, failureThreshold: 1 }
    make(opened, 'web', { containers: [shell('touch /tmp/ready; sleep 1000', { readinessProbe })] })
    opened.wait(5)
    expect(condition(opened, 'web', 'Ready')).toBe('True')
    remove(opened, 'web')
    opened.wait(3)
    expect(condition(opened, 'web', 'Ready')).toBe('True')
    opened.type('node1/web: rm /tmp/ready')
    opened.wait(3)
    expect(condition(opened, 'web', 'Ready')).toMatch(/^False ContainersNotReady/)
  })

  it('ends at once by force', () => {
    const opened = lab()
    make(opened, 'deaf', { containers: [shell('sleep 1000')] })
    opened.wait(5)
    remove(opened, 'deaf', 0)
    expect(exists(opened, 'deaf')).toBe(false)
    opened.wait(4)
    expect(opened.type('node1: crictl pods -q').stdout).toBe('')
  })
})

describe('several containers', () => {
  it('share lo; the same port twice crash-loops with nginx’ words in the log', () => {
    const opened = lab()
    make(opened, 'two', { containers: [NGINX, { ...NGINX, name: 'b' }, shell('sleep 1000', { name: 'd' })] })
    opened.wait(12)
    expect(box(opened, 'two', 1).state?.waiting?.reason).toBe('CrashLoopBackOff')
    expect(logs(opened, 'two', 'b')).toContain(
      'nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)\n',
    )
    const target = { namespace: 'default', pod: 'two', container: 'd', query: [] as [string, string][] }
    const programs = labPrograms()
    const options = { argv: ['curl', '-s', 'localhost'], tty: 0, pgid: 0, stdin: false }
    const made = kubeletExec(opened.run.world, programs, target, options)
    if (!('session' in made)) throw new Error(made.status.message)
    opened.wait(1)
    const { out, code } = kubeletExecMore(opened.run.world, made.session)
    expect(code).toBe(0)
    expect(out).toContain('Welcome to nginx!')
    kubeletExecEnd(opened.run.world, made.session)
  })

  it('init containers run in order and hand files on; a failing one holds the pod', () => {
    const opened = lab()
    const volumeMounts = [{ name: 'w', mountPath: '/share' }]
    const served = [{ name: 'w', mountPath: '/usr/share/nginx/html' }]
    make(opened, 'init', {
      initContainers: [
        shell('echo one > /share/index.html', { name: 'i1', volumeMounts }),
        shell('echo two >> /share/index.html; sleep 2', { name: 'i2', volumeMounts }),
      ],
      containers: [{ ...NGINX, volumeMounts: served }],
      volumes: [{ name: 'w', emptyDir: {} }],
    })
    make(opened, 'fails', { initContainers: [shell('exit 1', { name: 'i' })], containers: [NGINX] })
    opened.wait(2)
    expect(pod(opened, 'init').status?.phase).toBe('Pending')
    expect(condition(opened, 'init', 'Initialized')).toBe(
      'False ContainersNotInitialized containers with incomplete status: [i2]',
    )
    expect(box(opened, 'init').state?.waiting?.reason).toBe('PodInitializing')
    opened.wait(5)
    expect(opened.type(`node1: curl -s ${ip(opened, 'init')}`).stdout).toBe('one\ntwo\n')
    expect(pod(opened, 'fails').status?.phase).toBe('Pending')
    expect(pod(opened, 'fails').status?.initContainerStatuses?.[0]?.state?.waiting?.reason).toBe(
      'CrashLoopBackOff',
    )
  })

  it('see what others write into a shared directory, and the node’s own files', () => {
    const opened = lab()
    opened.type('node1: echo from the node > /etc/motd')
    const share = { name: 'w', mountPath: '/usr/share/nginx/html' }
    make(opened, 'two', {
      containers: [
        { ...NGINX, volumeMounts: [share] },
        shell('sleep 5; echo written later > /out/index.html; sleep 1000', {
          name: 'w',
          volumeMounts: [
            { name: 'w', mountPath: '/out' },
            { name: 'h', mountPath: '/node/etc' },
          ],
        }),
      ],
      volumes: [
        { name: 'w', emptyDir: {} },
        { name: 'h', hostPath: { path: '/etc' } },
      ],
      terminationGracePeriodSeconds: 1,
    })
    opened.wait(3)
    expect(opened.type(`node1: curl -s -o /dev/null -w '%{http_code}' ${ip(opened, 'two')}`).stdout).toBe(
      '403',
    )
    opened.wait(5)
    expect(opened.type(`node1: curl -s ${ip(opened, 'two')}`).stdout).toBe('written later\n')
    expect(opened.type('node1: kubectl exec two -c w -- cat /node/etc/motd').stdout).toBe('from the node\n')
    expect(opened.type('node1: kubectl exec two -c w -- ls /out').stdout).toBe('index.html\n')
    opened.type('node1: kubectl exec two -c w -- rm /out/index.html')
    expect(opened.type('node1: kubectl exec two -c w -- ls /out').stdout).toBe('')
    remove(opened, 'two')
    opened.wait(4)
    expect(opened.type('node1: ls /var/lib/kubelet/pods').stdout).toBe('')
  })

  it('a sidecar starts first, goes on beside the others and ends after them', () => {
    const opened = lab()
    make(opened, 'side', {
      restartPolicy: 'Never',
      initContainers: [{ ...NGINX, name: 'proxy', restartPolicy: 'Always' }],
      containers: [shell('curl -s localhost | head -n 1; sleep 3')],
    })
    opened.wait(3)
    expect(pod(opened, 'side').status?.phase).toBe('Running')
    opened.wait(6)
    expect(pod(opened, 'side').status?.phase).toBe('Succeeded')
    expect(logs(opened, 'side')).toBe('<!DOCTYPE html>\n')
    expect(events(opened, 'side', 'Killing')).toEqual(['Stopping container proxy'])
  })
})

describe('what stands in the way', () => {
  it('unknown images: ErrImagePull, then ImagePullBackOff, in containerd’s words', () => {
    const opened = lab()
    make(opened, 'bad', { containers: [{ name: 'c', image: 'nosuch/thing:v1' }] })
    opened.wait(8)
    const { reason, message } = box(opened, 'bad').state!.waiting!
    expect(reason).toBe('ImagePullBackOff')
    expect(message).toMatch(
      /^Back-off pulling image "nosuch\/thing:v1": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "docker\.io\/nosuch\/thing:v1": failed to resolve reference "docker\.io\/nosuch\/thing:v1": docker\.io\/nosuch\/thing:v1: not found/,
    )
    expect(pod(opened, 'bad').status?.phase).toBe('Pending')
    expect(logs(opened, 'bad')).toBe(
      'container "c" in pod "bad" is waiting to start: trying and failing to pull image',
    )
  })

  it('an image that another pod fetches meanwhile: all containers of both start', () => {
    const opened = lab()
    const sleep = (name: string) => ({ name, image: 'busybox:1.36', command: ['sleep', '3600'] })
    for (const name of ['one', 'two']) make(opened, name, { containers: [sleep('c'), sleep('d')] })
    opened.wait(40)
    for (const name of ['one', 'two']) {
      const ready = pod(opened, name).status?.containerStatuses?.map(
        (one) => one.state?.running !== undefined,
      )
      expect(ready).toEqual([true, true])
    }
  })

  it('an exhausted range, a plugin that is missing, a ConfigMap that is not there', () => {
    const opened = lab(NODE)
    const conf = (type: string) =>
      JSON.stringify({
        cniVersion: '1.0.0',
        name: 'x',
        plugins: [
          {
            type,
            bridge: 'cbr0',
            isDefaultGateway: true,
            ipam: { type: 'host-local', subnet: '10.9.0.0/30' },
          },
        ],
      })
    opened.type(`node1: echo '${conf('bridge')}' > /etc/cni/net.d/10-x.conflist`)
    opened.wait(10)
    make(opened, 'first', { containers: [NGINX] })
    opened.wait(3)
    make(opened, 'second', { containers: [NGINX] })
    opened.wait(5)
    expect(pod(opened, 'first').status?.phase).toBe('Running')
    expect(events(opened, 'second', 'FailedCreatePodSandBox')[0]).toMatch(
      /^Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "[0-9a-f]{64}": plugin type="bridge" failed \(add\): failed to allocate for range 0: no IP addresses available in range set: 10\.9\.0\.1-10\.9\.0\.2$/,
    )
    expect(box(opened, 'second').state?.waiting?.reason).toBe('ContainerCreating')
    opened.type(`node1: echo '${conf('calico')}' > /etc/cni/net.d/10-x.conflist`)
    make(opened, 'third', { containers: [NGINX] })
    opened.wait(3)
    expect(events(opened, 'third', 'FailedCreatePodSandBox')[0]).toContain(
      'failed to find plugin "calico" in path [/opt/cni/bin]',
    )
    make(opened, 'conf', {
      containers: [{ ...NGINX, volumeMounts: [{ name: 'v', mountPath: '/conf' }] }],
      volumes: [{ name: 'v', configMap: { name: 'nosuch' } }],
    })
    opened.wait(3)
    expect(events(opened, 'conf', 'FailedMount')).toEqual([
      'MountVolume.SetUp failed for volume "v" : configmap "nosuch" not found',
    ])
  })

  it('a program that is not there: StartError and the runtime’s words', () => {
    const opened = lab()
    make(opened, 'bad', { containers: [{ ...NGINX, command: ['/nope'] }], restartPolicy: 'Never' })
    opened.wait(5)
    expect(box(opened, 'bad').state?.terminated).toMatchObject({
      exitCode: 128,
      reason: 'StartError',
      message:
        'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "/nope": stat /nope: no such file or directory: unknown',
    })
    expect(pod(opened, 'bad').status?.phase).toBe('Failed')
  })
})

describe('ports of the node', () => {
  it('a hostNetwork pod has the node’s address; a second one cannot bind', () => {
    const opened = lab()
    make(opened, 'one', { hostNetwork: true, containers: [NGINX] })
    opened.wait(4)
    make(opened, 'two', { hostNetwork: true, containers: [NGINX] })
    opened.wait(12)
    expect(pod(opened, 'one').status?.podIP).toBe('10.100.0.2')
    expect(opened.type('gw: curl -s 10.100.0.2').stdout).toContain('Welcome')
    expect(box(opened, 'two').state?.waiting?.reason).toBe('CrashLoopBackOff')
    expect(logs(opened, 'two')).toContain('bind() to 0.0.0.0:80 failed (98: Address already in use)')
  })

  it('hostPort answers on the node and the address of the pod', () => {
    const opened = lab()
    make(opened, 'web', { containers: [{ ...NGINX, ports: [{ containerPort: 80, hostPort: 81 }] }] })
    opened.wait(4)
    expect(opened.type('gw: curl -s 10.100.0.2:81').stdout).toContain('Welcome')
    expect(opened.type('node1: iptables-save -t nat').stdout).toContain(
      `-p tcp -m tcp --dport 81 -j DNAT --to-destination ${ip(opened, 'web')}:80\n`,
    )
    remove(opened, 'web')
    opened.wait(4)
    expect(opened.type('gw: curl -s -m 1 10.100.0.2:81').code).toBe(7)
  })
})

describe('the kubelet itself', () => {
  it('killed, its pods go on; started again, it takes them over', () => {
    const opened = lab()
    make(opened, 'web', { containers: [NGINX] })
    opened.wait(5)
    const before = box(opened, 'web').containerID
    opened.type('node1: kill -9 $(pgrep kubelet)')
    opened.wait(5)
    expect(opened.type(`node1: curl -s ${ip(opened, 'web')}`).stdout).toContain('Welcome')
    make(opened, 'late', { containers: [NGINX] })
    opened.wait(5)
    expect(pod(opened, 'late').status?.phase).toBe('Pending')
    opened.type('node1: kubelet > /dev/null 2>&1 &')
    opened.wait(5)
    expect(box(opened, 'web')).toMatchObject({ restartCount: 0, containerID: before, ready: true })
    expect(pod(opened, 'late').status?.phase).toBe('Running')
    remove(opened, 'web')
    opened.wait(4)
    expect(exists(opened, 'web')).toBe(false)
  })

  it('killed while plugins are at work, leaves a half-made sandbox that the next one clears away', () => {
    const opened = lab()
    make(opened, 'web', { containers: [NGINX] })
    const cables = () => opened.type('node1: ip -o link').stdout.match(/veth/g)?.length ?? 0
    for (let i = 0; i < 100 && cables() === 0; i++) opened.wait(0.002)
    opened.type('node1: kill -9 $(pgrep kubelet)')
    opened.wait(5)
    expect(cables()).toBe(1)
    expect(opened.type('node1: crictl pods -q').stdout).toBe('')
    opened.type('node1: kubelet > /dev/null 2>&1 &')
    opened.wait(5)
    expect(pod(opened, 'web').status?.phase).toBe('Running')
    expect(cables()).toBe(1)
    expect(opened.type('node1: ip netns').stdout.trim().split('\n')).toHaveLength(1)
    const addresses = opened.type('node1: ls /var/lib/cni/networks/cbr0').stdout.match(/^10\..*$/gm)
    expect(addresses).toEqual([ip(opened, 'web')])
  })

  it('mounts ConfigMaps and Secrets as files', () => {
    const opened = lab()
    const meta = (name: string) => ({ name, namespace: 'default' })
    const config = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: meta('conf'),
      data: { 'a.txt': 'hello\n', B: 'b' },
    }
    create(opened, 'configmaps', config)
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: meta('sec'), data: { key: 'c2VjcmV0' } }
    create(opened, 'secrets', secret)
    make(opened, 'web', {
      containers: [
        {
          ...NGINX,
          envFrom: [{ configMapRef: { name: 'conf' }, prefix: 'X_' }],
          volumeMounts: [
            { name: 'c', mountPath: '/etc/conf' },
            { name: 's', mountPath: '/etc/sec' },
          ],
        },
      ],
      volumes: [
        { name: 'c', configMap: { name: 'conf' } },
        { name: 's', secret: { secretName: 'sec' } },
      ],
    })
    opened.wait(5)
    expect(opened.type('node1/web: cat /etc/conf/a.txt /etc/sec/key').stdout).toBe('hello\nsecret')
    expect(opened.type('node1/web: echo $X_B').stdout).toBe('b\n')
    const { world } = opened.run
    const body = { data: { 'a.txt': 'changed\n', B: null } }
    apiPatch(world, { user: 'me', manager: 'kubectl' }, 'configmaps', 'default', 'conf', {
      type: 'merge',
      body,
    })
    opened.wait(70)
    expect(opened.type('node1/web: cat /etc/conf/a.txt').stdout).toBe('changed\n')
    expect(opened.type('node1/web: ls /etc/conf').stdout).toBe('a.txt\n')
  })

  it('projected volumes and resolv.conf stand once for pods that have the same, and differ where one is changed', () => {
    const opened = lab()
    const conf = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'conf' },
      data: { a: 'one', b: 'two' },
    }
    create(opened, 'configmaps', conf)
    const projected = { sources: [{ configMap: { name: 'conf' } }] }
    for (const name of ['p', 'q']) {
      make(opened, name, {
        containers: [{ ...NGINX, volumeMounts: [{ name: 'v', mountPath: '/srv/v' }] }],
        volumes: [{ name: 'v', projected }],
      })
      opened.wait(5)
    }
    const said = (pod: string, command: string) => opened.type(`node1/${pod}: ${command}`).stdout
    const made = (pod: string) => said(pod, 'ls -l /srv/v').match(/..:../)?.[0]
    expect([said('p', 'ls /srv/v'), said('q', 'cat /srv/v/a /srv/v/b')]).toEqual(['a\nb\n', 'onetwo'])
    expect(said('p', 'cat /etc/resolv.conf')).toContain('svc.cluster.local')
    expect(made('p')).toBe(said('p', 'ls -l /etc/hosts').match(/..:../)?.[0])
    said('p', 'echo mine > /srv/v/a')
    said('p', 'rm /srv/v/b')
    said('p', 'echo nameserver 9.9.9.9 > /etc/resolv.conf')
    expect([said('p', 'cat /srv/v/a'), said('p', 'ls /srv/v')]).toEqual(['mine\n', 'a\n'])
    expect([said('q', 'cat /srv/v/a'), said('q', 'ls /srv/v')]).toEqual(['one', 'a\nb\n'])
    expect(said('q', 'cat /etc/resolv.conf')).not.toContain('9.9.9.9')
    const { world } = opened.run
    const body = { data: { a: 'new', b: null, c: 'three' } }
    const by = { user: 'me', manager: 'kubectl' }
    apiPatch(world, by, 'configmaps', 'default', 'conf', { type: 'merge', body })
    opened.wait(70)
    expect([said('q', 'ls /srv/v'), said('q', 'cat /srv/v/a /srv/v/c')]).toEqual(['a\nc\n', 'newthree'])
    expect(said('q', 'cat /etc/resolv.conf')).toContain('svc.cluster.local')
  })

  it('rewinds: the same events lead to the same state, through a crash loop', () => {
    const crash = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'crash' },
      spec: { containers: [shell('exit 1'), NGINX].map((one, at) => ({ ...one, name: `c${at}` })) },
    }
    const opened = openScenario(`${NODE}${CNI}---\n${JSON.stringify(crash)}\n`)
    const { world, rules } = opened.run
    opened.wait(3)
    const [at, hash] = [world.nEvents, stateHash(world)]
    opened.wait(30)
    const [later, laterHash] = [world.nEvents, stateHash(world)]
    expect(box(opened, 'crash').restartCount).toBeGreaterThan(1)
    seek(world, rules, at)
    expect(stateHash(world)).toBe(hash)
    seek(world, rules, later)
    expect(stateHash(world)).toBe(laterHash)
  })
})

describe('the docker runtime', () => {
  it('lists pods’ containers with the pause container of each; a killed sandbox gives its address back', () => {
    const runtime =
      '---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n' +
      'containerRuntimeEndpoint: unix:///var/run/cri-dockerd.sock\n'
    const opened = lab(`${NODE}${runtime}${CNI}`)
    make(opened, 'web', { containers: [NGINX] })
    opened.wait(8)
    const { uid } = pod(opened, 'web').metadata
    const names = opened.type('node1: docker ps --format "{{.Names}}"').stdout
    expect(names).toBe(`k8s_c_web_default_${uid}_0\nk8s_POD_web_default_${uid}_0\n`)
    expect(box(opened, 'web').containerID).toMatch(/^docker:\/\/[0-9a-f]{64}$/)
    const mode = "docker inspect -f '{{.HostConfig.NetworkMode}}' $(docker ps -q -f name=k8s_c_)"
    expect(opened.type(`node1: ${mode}`).stdout).toMatch(/^container:[0-9a-f]{64}\n$/)
    expect(opened.type('node1: docker exec $(docker ps -q -f name=k8s_c_) hostname').stdout).toBe('web\n')
    const before = ip(opened, 'web')
    opened.type('node1: docker kill $(docker ps -q -f name=k8s_POD)')
    opened.wait(8)
    expect(ip(opened, 'web')).not.toBe(before)
    expect(opened.type('node1: ls /var/lib/cni/networks/cbr0').stdout).not.toContain(`${before}\n`)
    expect(opened.type('node1: docker ps -q').stdout.split('\n')).toHaveLength(3)
  })
})
