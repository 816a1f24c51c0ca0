// A text that changes what a cluster is set up with says what waits for the lab to be opened anew.
import { expect, it } from 'vitest'
import { testHost } from './clock.ts'
import { createLabSession } from './standard.ts'

const BARE = `name: c
topology:
  nodes:
    node1:
      kind: linux
      labels: {kubehop.dev/node: worker}
`
const SETUP = `---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
networking: {podSubnet: 10.244.0.0/16}
`
const POD = `---
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: c, image: nginx}]}
`

function opened(text: string) {
  const session = createLabSession(testHost(0))
  expect(session.open(text, 1)).toMatchObject({ ok: true, diagnostics: [] })
  return session
}

it('says that a cluster starts only when the lab is opened, until it is', () => {
  const session = opened(BARE)
  const told = { severity: 'warning', line: 8, message: expect.stringContaining('no cluster runs yet') }
  expect(session.apply(BARE + SETUP + POD)).toMatchObject({ ok: true, diagnostics: [told] })
  expect(session.clusterPicture()).toBeNull()
  expect(session.apply(`${BARE + SETUP + POD}# more\n`).diagnostics).toMatchObject([told])
  expect(session.apply(BARE).diagnostics).toEqual([])
  expect(session.open(BARE + SETUP + POD, 1)).toMatchObject({ ok: true, diagnostics: [] })
  expect(session.clusterPicture()).not.toBeNull()
})

it('says that a running cluster keeps what it was set up with; manifests are applied at once', () => {
  const session = opened(BARE + SETUP)
  const other = SETUP.replace('10.244', '10.245')
  expect(session.apply(BARE + SETUP + POD).diagnostics).toEqual([])
  expect(session.apply(BARE + other).diagnostics).toMatchObject([
    { line: 8, message: expect.stringContaining('keeps its ClusterConfiguration') },
  ])
  expect(session.apply(BARE + POD).diagnostics).toMatchObject([{ line: 1 }])
  expect(session.apply(BARE).diagnostics).toMatchObject([
    { severity: 'warning', line: 1, message: expect.stringContaining('runs on') },
  ])
  expect(session.apply(BARE + SETUP).diagnostics).toEqual([])
})
