/** Event kinds that `kube` schedules (numbers 64-95). The closed union and the dispatch table live in `lab`. */
export const KubeEv = {
  /** The store holds changes that an agent subscribed to. target: the agent. */
  Notify: 64,
  /** A worker of an agent takes the next item of its queue. target: the agent. */
  Work: 65,
  /** An agent's timer. target: the agent. */
  Timer: 66,
  /** An answer reaches an agent. target: the agent. */
  Response: 67,
} as const
