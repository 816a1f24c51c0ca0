// The chain from a Service to those who know of it, where CoreDNS is cut off from the API server.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openScenario } from '../lab/scenario.fixture.ts'
import { serviceChain } from './kube-chain.ts'

const LAB = readFileSync(join(import.meta.dirname, '..', '..', 'public', 'labs', '7.1-ports.yaml'), 'utf8')

it('says that CoreDNS knows of a Service when its connection has brought it', () => {
  const lab = openScenario(LAB.replace('dns:\n  disabled: true\n', ''))
  const { world } = lab.run
  const chain = () => serviceChain(world, 'default', 'fresh').map(({ stage, at }) => ({ stage, at }))
  const nodes = ['controlplane', 'node01', 'node02']
  for (const node of nodes) lab.type(`${node}: iptables -I FORWARD -p tcp --sport 6443 -j DROP`)
  lab.type('controlplane: iptables -I OUTPUT -p tcp -s 192.168.1.11 -d 10.244.0.0/24 --sport 6443 -j DROP')
  lab.type('pc: kubectl create service clusterip fresh --tcp=80')
  const made = world.now
  lab.wait(10)
  expect(chain().map(({ stage }) => stage)).toContain('service')
  expect(chain().map(({ stage }) => stage)).not.toContain('dns')
  for (const node of nodes) lab.type(`${node}: iptables -F FORWARD`)
  lab.type('controlplane: iptables -F OUTPUT')
  lab.wait(30)
  const known = chain().find(({ stage }) => stage === 'dns')
  expect(known!.at - made).toBeGreaterThan(10e9)
})
