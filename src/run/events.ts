/** Event kinds that `run` schedules (numbers 32-63). `net`'s SockWake and TapWake are handled here too. */
export const RunEv = {
  /** A process begins, or goes on as another program (exec). target: namespace; arg: pid. */
  ProcStart: 32,
  /** A process' timer. arg: pid; ref: TimerRef. */
  ProcTimer: 33,
  /** A descriptor may have become readable. arg: pid; ref: descriptor number. */
  ProcInput: 34,
  /** A child ended. arg: the parent's pid; ref: ChildRef. */
  ProcChild: 35,
  /** A signal. arg: pid; ref: signal name (SIGINT ...). */
  ProcSignal: 36,
  /** Keys were typed. target: terminal; ref: the keys as a terminal sends them. */
  TtyInput: 37,
  /** A watched container wrote or ended. arg: pid; ref: ContainerRef. */
  ProcContainer: 38,
} as const

export interface TimerRef {
  tag: string
  gen: number
}

export interface ChildRef {
  pid: number
  code: number
}

export interface ContainerRef {
  id: string
  what: 'log' | 'end'
  /** Exit code at the end. */
  code: number
}
