/** Images of containers: there, pulled, or not to be had. Models pkg/kubelet/images/image_manager.go (1.32) and containerd's words. */
import { interned } from '../../../base/intern.ts'
import type { Container, Pod } from '../../../kube/objects-pod.ts'
import { recordEvent } from '../../../kube/controller/common.ts'
import type { Image } from '../../cmd/docker/images.ts'
import { findImage, fullName, imageList } from '../../cmd/docker/images.ts'
import type { BoxRun, Kubelet } from './state.ts'
import { boxWaits, SECOND } from './state.ts'

export interface Pulled {
  readonly image: Image | undefined
  readonly tag: string
}

const FIRST_WAIT = 10 * SECOND
const LONGEST_WAIT = 300 * SECOND
/** To ask for an image that is there already, and to fetch one: 100 MB a second, never for long. */
const CHECK_NS = 112_000_000
const NS_PER_BYTE = 10
const LONGEST_PULL = 2 * SECOND

/** `docker.io/library/nginx:latest` for `nginx`. */
export function wholeReference(reference: string): string {
  const full = reference.includes('@') ? reference : fullName(reference)
  const [host = ''] = full.split('/')
  if (!full.includes('/')) return `docker.io/library/${full}`
  return /[.:]|^localhost$/.test(host) ? full : `docker.io/${full}`
}

/** The image for a container, or nothing yet: why stands in `box.waiting` then. Tells events as it goes. */
export function ensureImage(kubelet: Kubelet, pod: Pod, spec: Container, box: BoxRun): Pulled | undefined {
  const { ctx, state, world } = kubelet
  const reference = spec.image ?? ''
  const found = findImage(reference)
  const present = found !== undefined && state.images.has(reference)
  const policy = spec.imagePullPolicy ?? (/:latest$/.test(fullName(reference)) ? 'Always' : 'IfNotPresent')
  const say = (type: 'Normal' | 'Warning', reason: string, text: string) =>
    recordEvent(ctx, pod, type, reason, interned(text))
  if (found !== undefined && policy === 'Never') state.images.set(reference, true)
  if (found !== undefined && (policy === 'Never' || (present && policy === 'IfNotPresent'))) {
    say('Normal', 'Pulled', `Container image "${reference}" already present on machine`)
    return found
  }
  if (policy === 'Never') {
    const message = `Container image "${reference}" is not present with pull policy of Never`
    box.waiting = Object.freeze({ reason: 'ErrImageNeverPull', message })
    say('Warning', 'ErrImageNeverPull', message)
    say('Warning', 'Failed', 'Error: ErrImageNeverPull')
    boxWaits(box, { pullAt: world.now, pullNs: FIRST_WAIT })
    return undefined
  }
  if (found !== undefined) {
    const size = bytesOf(found.image.size)
    const { pullingSince } = box.wait
    if (pullingSince < 0) {
      say('Normal', 'Pulling', `Pulling image "${reference}"`)
      const pullNs = present ? CHECK_NS : Math.min(LONGEST_PULL, Math.max(CHECK_NS, size * NS_PER_BYTE))
      boxWaits(box, { pullingSince: world.now, pullAt: world.now, pullNs })
      return undefined
    }
    const took = goDuration(world.now - pullingSince)
    const sized = `Image size: ${size} bytes.`
    say(
      'Normal',
      'Pulled',
      `Successfully pulled image "${reference}" in ${took} (${took} including waiting). ${sized}`,
    )
    state.images.set(reference, true)
    boxWaits(box, { pullingSince: -1, pullAt: -1, pullError: '' })
    return found
  }
  notFound(kubelet, pod, reference, box)
  return undefined
}

/** ns when a failed pull is tried again, undefined where none failed. */
export function pullAgainAt({ wait: { pullAt, pullNs } }: BoxRun): number | undefined {
  return pullAt < 0 ? undefined : pullAt + pullNs
}

/** A pull failed a moment ago: it is not tried before its time. */
export function backOffPull(kubelet: Kubelet, pod: Pod, spec: Container, box: BoxRun): void {
  if (box.waiting?.reason !== 'ErrImagePull') return
  const back = `Back-off pulling image "${spec.image}"`
  box.waiting = Object.freeze({
    reason: 'ImagePullBackOff',
    message: `${back}: ErrImagePull: ${box.wait.pullError}`,
  })
  recordEvent(kubelet.ctx, pod, 'Normal', 'BackOff', back)
  recordEvent(kubelet.ctx, pod, 'Warning', 'Failed', 'Error: ImagePullBackOff')
}

function notFound({ ctx, world }: Kubelet, pod: Pod, reference: string, box: BoxRun): void {
  const whole = wholeReference(reference)
  const names = imageList().map((one) => one.repository)
  const what = `failed to resolve reference "${whole}": ${whole}: not found`
  const note = `no registry is reached from Kubehop, images here: ${names.join(', ')}`
  const pullError = `rpc error: code = NotFound desc = failed to pull and unpack image "${whole}": ${what} (${note})`
  box.waiting = Object.freeze({ reason: 'ErrImagePull', message: pullError })
  const { pullAt, pullNs: before } = box.wait
  const pullNs = pullAt < 0 ? FIRST_WAIT : Math.min(before * 2, LONGEST_WAIT)
  boxWaits(box, { pullError, pullNs, pullAt: world.now })
  recordEvent(ctx, pod, 'Normal', 'Pulling', `Pulling image "${reference}"`)
  recordEvent(ctx, pod, 'Warning', 'Failed', `Failed to pull image "${reference}": ${pullError}`)
  recordEvent(ctx, pod, 'Warning', 'Failed', 'Error: ErrImagePull')
}

/** Go's way of writing a short duration, to the millisecond. */
function goDuration(ns: number): string {
  const ms = Math.round(ns / 1_000_000)
  return ms < 1000 ? `${ms}ms` : `${ms / 1000}s`
}

/** `192MB` in bytes. */
function bytesOf(size: string): number {
  const parsed = /^([0-9.]+)([kMG]?)B$/.exec(size)
  const factors: Record<string, number> = { k: 1e3, M: 1e6, G: 1e9 }
  return Math.round(Number(parsed?.[1] ?? 0) * (factors[parsed?.[2] ?? ''] ?? 1))
}
