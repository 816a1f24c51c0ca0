/** The largest cluster with everything real: kubelets, pods, Services and a kube-proxy on every node. */
import { findStore } from '../../kube/store/store.ts'
import { awaitPods, deployPods, figure, heapUsed, LARGE, realCluster } from './kube.ts'
import { awaitProxies, createServices, settleProxies } from './proxies.ts'
import type { Row } from './report.ts'

/** Step by step in one run: nodes, their pods, then the Services. */
export function benchTogether(): Row[] {
  const { nodes, pods, services } = LARGE
  const of = `${nodes} nodes, ${pods} pods`
  const before = heapUsed()
  const run = realCluster(nodes)
  const booted = heapUsed()
  let from = performance.now()
  deployPods(run, pods)
  awaitPods(run, pods)
  const rate = pods / ((performance.now() - from) / 1000)
  const running = heapUsed()
  from = performance.now()
  createServices(run, services)
  awaitProxies(run)
  const seconds = (performance.now() - from) / 1000
  settleProxies(run)
  const after = heapUsed()
  const speeds = [
    figure(`real kubelets, ${of}, no Services`, rate, 'pods/s', '5,000 pods/s'),
    figure(`then ${services} Services, to the last node's rules`, seconds, 's'),
  ]
  if (before === 0) return speeds
  if (findStore(run.world) === undefined) throw new Error('bench: the cluster is gone')
  return [
    ...speeds,
    figure(`heap of ${of}, ${services} Services`, (after - before) / 1e6, 'MB', 'under 500 MB'),
    figure('  without Services', (running - before) / 1e6, 'MB'),
    figure('  per node', (booted - before) / nodes, 'bytes'),
    figure('  per pod', (running - booted) / pods, 'bytes'),
    figure('  per Service', (after - running) / services, 'bytes'),
  ]
}
