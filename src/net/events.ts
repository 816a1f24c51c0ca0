/**
 * Event kinds that `net` schedules. The closed union over all folders and the dispatch table live in `lab`.
 * Numbers 1-31 are net's, 32-63 run's, 64 and up are kube's.
 */
export const Ev = {
  /** A frame arrives. target: namespace; arg: ifindex; ref: Packet. */
  LinkRx: 1,
  /** A neighbour's timer. arg: its `timer` value when set; ref: {ifindex, ip}. */
  NeighTimer: 2,
  /** A bridge port's or bridge's spanning-tree timer. arg: ifindex; ref: {what, timer}. */
  BridgeTimer: 3,
  /** Fragments that never became whole. ref: key in `frags`; arg: timer. */
  FragTimer: 4,
  /** Duplicate address detection, MLD reports, router solicitations. arg: ifindex; ref: plain record. */
  Addr6Timer: 5,
  /** A socket has something to read. arg: pid; ref: socket id. Handled by `run`. */
  SockWake: 6,
  /** A tapped frame for a packet socket. arg: pid; ref: TapFrame. Handled by `run`. */
  TapWake: 7,
  /** A device's deferred work (a rate-limited queue). arg: ifindex. */
  LinkTx: 8,
  /** A stream socket's timer. arg: socket id; ref: which one (see net/sock/tcptimer.ts). */
  TcpTimer: 9,
  /** Expired connections are collected. arg: the time it was armed for. */
  ConntrackGc: 10,
} as const
