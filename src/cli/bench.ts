/**
 * `npm run bench`: figures of the engine. Every speed is a ratio to a reference of the same run, because machines
 * differ and are noisy; what a row models is printed before it.
 */
import { execFileSync } from 'node:child_process'
import { benchFrames } from './bench/frames.ts'
import { benchHops } from './bench/hops.ts'
import { benchRules } from './bench/nf.ts'
import { benchKube, benchKubeHeap, benchLargest } from './bench/kube.ts'
import { benchProxies } from './bench/proxies.ts'
import { benchProxy } from './bench/proxy.ts'
import { benchQueue } from './bench/queue.ts'
import { type Row, rowText } from './bench/report.ts'
import { benchTogether } from './bench/together.ts'
import { benchBoot, benchCheckpoints, benchMemory, benchSession } from './bench/world.ts'

/** `alone`: in a process of its own, for what it says of the heap must not count what others left behind. */
const SECTIONS: readonly { title: string; run: () => Row[]; alone?: true }[] = [
  {
    title:
      'Traced hops: UDP packets of 84 bytes around rings of routers (receive, route look-up, TTL, neighbour, transmit, ' +
      'cable), every step recorded; against a packed-record loop that does a look-up, counters, TTL and four records',
    run: benchHops,
  },
  {
    title:
      'Rules: a node with the chains that kube-proxy writes (three endpoints a service, 110,000 rules at 10,000 ' +
      'services); a first packet passes conntrack, the nat table, two draws, DNAT and masquerade, an established one ' +
      'conntrack and both translations; beside the kernel of this machine where root is, in namespaces of its own',
    run: benchRules,
  },
  {
    title: 'Event queue: hold operations (pop one, push one) with delays as a lab has them',
    run: benchQueue,
  },
  {
    title:
      'Memory: heap that 10,000 namespaces leave behind, each with lo, and each with a veth pair to one host; nothing ' +
      'sent, IPv6 off',
    run: benchMemory,
  },
  {
    title:
      'Boot: a lab of 201 machines (a core router, 20 routers, 20 switches, 160 hosts) from its text to the first ' +
      'checkpoint, 441 commands by the shell; median of 5',
    run: benchBoot,
  },
  {
    title:
      'Checkpoints: 50 machines, 40 pings every ms across two switches and three routers, 200,000 events; median of 5',
    run: benchCheckpoints,
  },
  {
    title:
      'Session: the same lab in a session that plays at its last speed in slices of 8 ms, with checkpoints, samples of ' +
      'flights, records and pictures for a page that acknowledges; then random seeks, each with its picture',
    run: benchSession,
  },
  {
    title:
      'Clusters: all controllers and the scheduler, Deployments of 50 pods with a Service each, 100 pods a node; with a ' +
      'kubelet that has a pod ready as soon as it is bound, and with the real ones (sandboxes, CNI, processes, kube-proxy), ' +
      'each after 1,000 pods that are not counted',
    run: benchKube,
  },
  {
    title: 'Heap of clusters whose kubelet has a pod ready as soon as it is bound',
    run: benchKubeHeap,
    alone: true,
  },
  {
    title: 'The largest of them: its heap is all that it adds',
    run: benchLargest,
    alone: true,
  },
  {
    title:
      'kube-proxy: a node of a cluster with 10,000 Services of three endpoints each, real time from the change of an ' +
      'EndpointSlice to rules that hold; beside the same kube-proxy writing everything, nothing known to it',
    run: benchProxy,
  },
  {
    title:
      'kube-proxies: a cluster with a real kube-proxy on every node; Services of three endpoints each are created, and ' +
      'every node writes its rules',
    run: benchProxies,
    alone: true,
  },
  {
    title:
      'Together: the largest cluster with real kubelets, pods, Services of three endpoints each and a kube-proxy on every ' +
      'node; its heap is all that it adds',
    run: benchTogether,
    alone: true,
  },
]
const FRAMES =
  'Frames: time between two frames of the built page in Chromium (requestAnimationFrame), with packets drawn over a ' +
  'lab of 301 machines in view, and of an empty page in the same run; a browser without a graphics card draws by CPU'

const only = process.argv.indexOf('--section')
for (const [i, { title, run, alone }] of SECTIONS.entries()) {
  if (only >= 0 && process.argv[only + 1] !== String(i)) continue
  if (only < 0 && alone === true) {
    const args = [...process.execArgv, process.argv[1]!, '--section', String(i)]
    execFileSync(process.execPath, args, { stdio: 'inherit' })
    continue
  }
  console.log(title)
  for (const row of run()) console.log(rowText(row))
}
if (only < 0 && !process.argv.includes('--no-browser')) {
  console.log(FRAMES)
  for (const row of benchFrames()) console.log(rowText(row))
}
