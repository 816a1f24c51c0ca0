/** TCP's state as plain data: what hangs below a stream socket. Sequence numbers are unsigned 32-bit integers. */
import type { Ip } from '../../base/addr.ts'

export type TcpStateName =
  | 'CLOSE'
  | 'LISTEN'
  | 'SYN_SENT'
  | 'SYN_RECV'
  | 'ESTABLISHED'
  | 'FIN_WAIT1'
  | 'FIN_WAIT2'
  | 'CLOSE_WAIT'
  | 'CLOSING'
  | 'LAST_ACK'
  | 'TIME_WAIT'

/** One skb of the write queue. */
export interface TcpSeg {
  seq: number
  data: Uint8Array
  /** FIN 1, SYN 2, PSH 8 as they will be on the wire. */
  flags: number
  /** When it was sent last, ns; 0 while it waits. */
  sentAt: number
  /** When it was sent first. */
  firstAt: number
  /** How often it was sent again. */
  retrans: number
  /** Taken for lost: to be sent again. */
  lost: boolean
  /** Sent again since it was taken for lost. */
  resent: boolean
  /** The peer said that it has it (SACK). */
  sacked: boolean
}

/** When a timer goes off: ns, 0 for none; when the event that looks at it comes, 0 for none; and what was asked for. */
export interface TcpTimer {
  at: number
  event: number
  due: number
}

/** Keepalive: times in ns, 0 for what the sysctls say. */
export interface TcpKeep {
  idle: number
  interval: number
  probes: number
  timer: TcpTimer
}

/** A half-open connection of a listener (struct tcp_request_sock). */
export interface TcpRequest {
  local: Ip
  remote: Ip
  rport: number
  iif: number
  iss: number
  irs: number
  /** Peer's MSS option, 536 or 1220 where it named none. */
  mss: number
  /** Shift that the peer asked for, -1 for none. */
  wscale: number
  sackOk: boolean
  tsOk: boolean
  tsRecent: number
  tsOffset: number
  rcvWnd: number
  /** SYN-ACKs sent again by the timer. */
  timeouts: number
  sentAt: number
  /** The handshake was completed while the accept queue was full. */
  acked: boolean
  timer: TcpTimer
}

/** The receiving side's state of delayed acknowledgements (icsk_ack). */
export interface TcpAckState {
  scheduled: boolean
  /** Waits for the reader: 1 a pushed segment, 2 a second one. */
  pushed: number
  now: boolean
  quick: number
  pingpong: boolean
  /** 0 until the first data came. */
  atoNs: number
  lastDataAt: number
}

export interface TcpState {
  state: TcpStateName
  /** Half closes: RCV_SHUTDOWN 1, SEND_SHUTDOWN 2. */
  shutdown: number
  /** SOCK_DEAD: no process holds it any more. */
  orphan: boolean
  /** TIME_WAIT stands in for FIN_WAIT2: the peer's FIN has not come yet. */
  closing: boolean
  reuseAddr: boolean
  noDelay: boolean
  /** connect(2) sleeps until the handshake's end; otherwise its end is polled for. */
  blocking: boolean
  /** IPV6_V6ONLY. */
  v6only: boolean
  /** SO_KEEPALIVE, null where it is off. */
  keep: TcpKeep | null
  /** When the peer's last acknowledgement came (rcv_tstamp). */
  lastAckAt: number

  // Listening
  backlog: number
  requests: Map<string, TcpRequest> | null
  /** Socket ids that wait for accept. */
  acceptQueue: number[] | null
  /** The listener that this one came from, while it waits there; 0 for none. */
  parent: number

  // Sending
  iss: number
  sndUna: number
  sndNxt: number
  writeSeq: number
  /** Window that the peer offers, bytes. */
  sndWnd: number
  sndWl1: number
  maxWindow: number
  /** End of the last small segment (Minshall's form of Nagle). */
  sndSml: number
  pushedSeq: number
  /** Peer's MSS limit and the payload of a full segment now. */
  mssClamp: number
  /** TCP_MAXSEG, 0 where nobody set it. */
  userMss: number
  mss: number
  /** Path MTU that `mss` came from. */
  pmtu: number
  unsent: TcpSeg[]
  /** Sent and not acknowledged, by sequence. */
  inFlight: TcpSeg[]
  sndBuf: number
  /** A writer found the buffer full and wants to be told. */
  wantsSpace: boolean
  ipId: number
  lastSentAt: number

  // Round trips and congestion
  srttUs: number
  mdevUs: number
  mdevMaxUs: number
  rttvarUs: number
  rttSeq: number
  rtoNs: number
  backoff: number
  /** SYNs sent again without doubling the timeout (tcp_syn_linear_timeouts). */
  linear: number
  retransmits: number
  probes: number
  /** When the present run of retransmissions began, 0 for none. */
  retransStamp: number
  cwnd: number
  cwndCnt: number
  ssthresh: number
  ca: 'open' | 'recovery' | 'loss'
  /** sndNxt when recovery began. */
  highSeq: number
  dupAcks: number

  // Receiving
  rcvNxt: number
  copiedSeq: number
  rcvWup: number
  rcvWnd: number
  rcvSsthresh: number
  windowClamp: number
  rcvBuf: number
  /** tp->scaling_ratio: how much of a buffer byte is window, of 256. */
  ratio: number
  rcvMss: number
  advmss: number
  rcvQueue: Uint8Array[]
  /** Bytes readable and their truesize. */
  rcvBytes: number
  rcvMem: number
  /** Out of order, by sequence. */
  outOfOrder: { seq: number; data: Uint8Array; fin: boolean }[]
  /** D-SACK or most recent block first, at most four. */
  sacks: [number, number][]
  ack: TcpAckState
  /** The peer's FIN came, in order. */
  finSeen: boolean

  // Options
  tsOk: boolean
  tsRecent: number
  tsRecentAt: number
  tsOffset: number
  sackOk: boolean
  wscaleOk: boolean
  sndWscale: number
  rcvWscale: number

  // Timers
  rexmit: TcpTimer
  delack: TcpTimer
  wait: TcpTimer
  /** What `rexmit` stands for now. */
  pending: '' | 'retrans' | 'probe0' | 'tlp'
  softErr: string
  openedAt: number
  bytesSent: number
  bytesAcked: number
  bytesReceived: number
  /** Trace of the segment that came last: what is sent now is its consequence. */
  cause: number
  segsOut: number
  segsIn: number
  retransTotal: number
}
