/** Whether a Deployment gets on. Models deployment/util's DeploymentTimedOut (Kubernetes 1.32). */

export const REASON_NEW_RS_AVAILABLE = 'NewReplicaSetAvailable'
export const REASON_TIMED_OUT = 'ProgressDeadlineExceeded'

/** Its Progressing condition: the reason, and when it was last updated, ms. */
export interface Progress {
  readonly reason: string
  readonly updatedAt: number
}

/** Nothing has moved for longer than the deadline (seconds; undefined: there is none). `nowMs` is wall time. */
export function hasTimedOut(
  deadline: number | undefined,
  progress: Progress | undefined,
  nowMs: number,
): boolean {
  if (deadline === undefined || progress === undefined) return false
  if (progress.reason === REASON_NEW_RS_AVAILABLE) return false
  if (progress.reason === REASON_TIMED_OUT) return true
  return progress.updatedAt + deadline * 1000 < nowMs
}
