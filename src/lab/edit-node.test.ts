import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { goTo, hashOf } from './headless.ts'
import { editLab } from './edit.ts'
import { openScenario } from './scenario.fixture.ts'
import { said } from './scenario-cluster.fixture.ts'
import { submitApply } from './rules.ts'

const read = (name: string) => readFileSync(new URL(`../../public/labs/${name}`, import.meta.url), 'utf8')
const add = (text: string) => editLab(text, { op: 'addNode', x: 0, y: 660 })

describe('a node drawn into the text', () => {
  it('has what its neighbours have: cable, address, range, and the way to it on the gateway', () => {
    const made = add(read('4.1-service-test.yaml'))
    expect(made.created).toEqual(['node3'])
    const { text } = made
    expect(text).toContain(
      '    node3:\n      kind: linux\n      exec:\n        - ip addr add 10.100.0.4/24 dev eth0\n',
    )
    expect(text).toContain('- endpoints: ["node3:eth0", "lan:lan-node3"]')
    expect(text).toContain('- ip route add 10.0.3.0/24 via 10.100.0.4\n')
    expect(text).toContain('kind: Node\nmetadata:\n  name: node3\nspec:\n  podCIDR: 10.0.3.0/24\n')
  })

  it('knows the way to the others where every node does', () => {
    const { text } = add(read('5.1-resolv-conf.yaml'))
    const fresh = text.slice(text.indexOf('    node4:'), text.indexOf('  links:'))
    for (const n of [1, 2, 3])
      expect(fresh).toContain(`- ip route add 10.244.${n}.0/24 via 192.168.1.1${n}\n`)
    // The other three nodes and the router learn of it.
    expect(text.match(/- ip route add 10\.244\.4\.0\/24 via 192\.168\.1\.14\n/g)).toHaveLength(4)
  })

  it('is refused where there is no cluster', () => {
    const text = 'name: a\ntopology:\n  nodes:\n    a: { kind: linux }\n'
    expect(add(text)).toMatchObject({ text, created: [], diagnostics: [{ severity: 'error' }] })
  })
})

describe('a node that joins a running cluster', () => {
  it('registers, becomes Ready, runs pods and is reached; its removal leaves a NotReady Node', () => {
    const lab = openScenario(read('4.1-service-test.yaml'))
    const { run } = lab
    const nodes = () => said(lab, 'node1: kubectl get nodes --no-headers').replace(/ +/g, ' ')
    const { text } = add(run.text)
    submitApply(run.world, run.rules, text)
    const at = run.world.nEvents
    const before = hashOf(run)
    lab.wait(8)
    expect(nodes()).toMatch(/node3 Ready <none>/)
    said(lab, 'node1: kubectl scale deployment service-test --replicas=6')
    lab.wait(15)
    const ip = /(10\.0\.3\.\d+) +node3/.exec(said(lab, 'node1: kubectl get pods -o wide'))?.[1]
    expect(said(lab, `node1/client: curl -s -m 3 http://${ip}:8080/`)).toContain('Hello from')
    expect(said(lab, 'node3: iptables-save -t nat')).toContain('KUBE-SERVICES')
    const late = run.world.nEvents
    const after = hashOf(run)
    goTo(run, at)
    expect(hashOf(run)).toBe(before)
    goTo(run, late)
    expect(hashOf(run)).toBe(after)
    const gone = editLab(text, { op: 'remove', ids: ['node3'] })
    submitApply(run.world, run.rules, gone.text)
    lab.wait(60)
    expect(run.world.frozen).toBeUndefined()
    expect(nodes()).toMatch(/node3 NotReady/)
    const pod = /(\S+) .*10\.0\.3\.\d+ +node3/.exec(said(lab, 'node1: kubectl get pods -o wide'))?.[1]
    expect(lab.type(`node1: kubectl logs ${pod}`).code).toBe(1)
    expect(run.world.frozen).toBeUndefined()
  })

  it('is taken back by an undo with its route, and a host joins by hand', () => {
    const lab = openScenario(read('4.1-service-test.yaml'))
    const { run } = lab
    const { text } = run
    submitApply(run.world, run.rules, add(text).text)
    lab.wait(5)
    expect(said(lab, 'gateway: ip route')).toContain('10.0.3.0/24 via 10.100.0.4')
    submitApply(run.world, run.rules, text)
    lab.wait(2)
    expect(said(lab, 'gateway: ip route')).not.toContain('10.0.3.0/24')
    expect(said(lab, 'node1: kubectl get nodes -o name')).toBe('node/node1\nnode/node2\n')
    expect(lab.type('node1: kubeadm join').stderr).toContain('[ERROR Port-10250]: Port 10250 is in use')
    expect(said(lab, 'gateway: kubeadm join')).toContain('This node has joined the cluster:')
    lab.wait(5)
    expect(said(lab, 'node1: kubectl get nodes')).toMatch(/gateway +Ready/)
  })

  it('is any machine that is given the label, and none that loses it', () => {
    const lab = openScenario(read('4.1-service-test.yaml'))
    const { run } = lab
    const { text } = run
    const labelled = text.replace('kubehop.dev/role: router', 'kubehop.dev/node: worker')
    submitApply(run.world, run.rules, labelled)
    lab.wait(8)
    expect(said(lab, 'node1: kubectl get nodes')).toMatch(/gateway +Ready/)
    submitApply(run.world, run.rules, text)
    lab.wait(60)
    expect(said(lab, 'node1: kubectl get nodes')).toMatch(/gateway +NotReady/)
    expect(said(lab, 'gateway: ip route')).toContain('10.0.1.0/24 via 10.100.0.2')
  })
})
