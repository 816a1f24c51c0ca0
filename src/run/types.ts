/**
 * Machines, processes, terminals, pipes and what is captured of a command: plain records only.
 *
 * A process belongs to its namespace's target (`Netns.procs`); machines, terminals and captures are targets of
 * their own. Programs are known by name: the code comes from a registry that the composition root builds.
 */
import type { Netns, TapFrame, World } from '../net/types.ts'
import type { Target } from '../sim/world.ts'
import type { Environment } from './env.ts'

export type MachineRole = 'host' | 'router' | 'switch' | 'internet'

/** A kernel with its file tree: the root namespace and those that `ip netns add` made. */
export interface Machine extends Target {
  type: 'machine'
  name: string
  role: MachineRole
  hostname: string
  rootNs: number
  /** Named namespaces to their ids, in creation order. */
  netns: ReadonlyMap<string, number>
  /** Namespaces whose name is gone while processes still live in them. */
  orphans: number[]
  /** What differs from the standing tree, by absolute path; null: removed. Nodes are frozen, so copies share them. */
  files: Map<string, FileNode | null>
  /** Living processes: pid to the id of the namespace they live in. */
  pids: Map<number, number>
  nextPid: number
  pipes: ReadonlyMap<number, Pipe>
  nextPipe: number
  /** Containers by id, in the order of creation, and the sandboxes that they live in, by id. */
  containers: Map<string, Container>
  sandboxes: Map<string, Sandbox>
  /** Processes that are told what happens to containers. */
  watchers: ContainerWatcher[]
  /** What a container engine keeps on this machine: plain data of its own, undefined where there is none. */
  engine: unknown
  /** What its runtime did lately to make and unmake sandboxes, the oldest first. Records are frozen. */
  sandboxLog?: SandboxStep[]
}

/** One step of making or unmaking a sandbox, told by whoever took it. */
export interface SandboxStep {
  /** ns, and the event that it happened in. */
  readonly at: number
  readonly event: number
  /** Id of the sandbox. */
  readonly sandbox: string
  /** Whose it is: `namespace/name` of a pod. */
  readonly owner: string
  readonly command: 'ADD' | 'DEL'
  /** '' for the runtime itself. */
  readonly plugin: string
  readonly what: string
  readonly args: Readonly<Record<string, string>>
  /** What the plugin was given, at its first step, and what it answered, at its last; else ''. */
  readonly stdin: string
  readonly stdout: string
}

/** A network namespace, with the host name, that one or more containers share: docker's sandbox, a pod's. */
export interface Sandbox {
  /** 64 hex digits. */
  id: string
  name: string
  ns: number
  /** The namespace is the machine's own: it stays when the sandbox goes. */
  borrowed: boolean
  /** Where the namespace is bound in the file tree (`/var/run/docker/netns/…`). */
  key: string
  hostname: string
}

/** A process with a file tree, process numbers and a host name of its own. */
export interface Container extends Environment {
  /** 64 hex digits. */
  id: string
  name: string
  /** Who made it: `docker`, `containerd` ... */
  runtime: string
  /** As it was asked for, and the id of what that stood for. */
  image: string
  imageId: string
  /** The program behind argv[0], and the command. */
  program: string
  argv: string[]
  cwd: string
  /** '' while it has none. */
  sandbox: string
  tty: boolean
  /** Frozen. A record takes a fifth of what a map does. */
  labels: Readonly<Record<string, string>>
  /** /etc/hosts as its engine wrote it when it made the container, '' for the standing one. */
  hosts: string
  /** The image's files, frozen and shared, and what differs from them here. */
  base: Readonly<Record<string, FileNode>>
  /** To write use `containerFiles`: while nothing differs it is frozen and shared. */
  files: Map<string, FileNode | null>
  /** Parts of the machine's own tree that it sees (bind mounts). */
  mounts: readonly Mount[]
  status: 'created' | 'running' | 'exited'
  /** Host's number of its first process, 0 while it does not run. */
  pid: number
  /** Next number inside. */
  nextPid: number
  exitCode: number
  /** ns; -1: never. */
  createdAt: number
  startedAt: number
  finishedAt: number
  restarts: number
  /** Frozen pieces, oldest first, at most LOG_CHUNKS of them. While there are few the list is frozen, and replaced. */
  logs: LogChunk[]
  /** Pieces that were dropped in front of `logs`. */
  logsLost: number
}

/** What stands at `path` of a container is what stands at `source` of its machine. */
export interface Mount {
  readonly path: string
  readonly source: string
}

export interface LogChunk {
  readonly at: number
  readonly stream: 'out' | 'err'
  readonly text: string
}

/** `container` '': the ends of all. */
export interface ContainerWatcher {
  ns: number
  pid: number
  container: string
}

export interface FileNode {
  readonly kind: 'file' | 'dir' | 'link'
  /** A file's text, a symbolic link's target. */
  readonly text: string
  readonly mode: number
  /** Virtual time of the last change, ns. */
  readonly mtime: number
}

/** Who waits for a descriptor to become readable. */
export interface Waiter {
  ns: number
  pid: number
  fd: number
}

export interface Pipe {
  id: number
  text: string
  /** Descriptors that refer to either end, over all processes. */
  readers: number
  writers: number
  waiters: Waiter[]
}

/** Of the kinds without an offset a frozen one may be shared. */
export type Fd =
  | { kind: 'null' }
  | { kind: 'tty'; tty: number }
  | { kind: 'pipe'; pipe: number; end: 'r' | 'w' }
  /** Writes go to the file's end; reads continue at `offset`. */
  | { kind: 'file'; path: string; offset: number; mode: 'r' | 'w' | 'rw' }
  /** A here-document. */
  | { kind: 'text'; text: string; offset: number }
  | { kind: 'capture'; capture: number; stream: 'out' | 'err' }
  /** The log of the container that the process lives in. */
  | { kind: 'log'; stream: 'out' | 'err' }

/** A process. Its `state` is the program's own plain data. */
export interface Process extends Environment {
  pid: number
  ppid: number
  /** Namespace of the parent: where its end is told. */
  parentNs: number
  /** Process group: what Ctrl-C reaches. */
  pgid: number
  machine: number
  ns: number
  /** Container whose file tree and process numbers it sees, '' for the machine's own; its number there (`pid` on the machine). */
  container: string
  vpid: number
  program: string
  argv: string[]
  cwd: string
  /** To write use `ownFds`: while it is as a container's first process has it, it is frozen and shared. */
  fds: ReadonlyMap<number, Fd>
  state: unknown
  /** Controlling terminal, 0 for none. */
  tty: number
  /** The capture that is told of its exit code, 0 for none. */
  capture: number
  startedAt: number
  /** Armed timers: tag to the generation that is valid. */
  timers: ReadonlyMap<string, number>
  nextTimer: number
  /** Descriptors on which the program waits for input. Replaced, not changed, as are `children`. */
  reads: number[]
  /** Characters written so far, against OUTPUT_MAX. */
  written: number
  children: number[]
  /** Set once it has ended; the record is gone from the namespace then. */
  exited: boolean
}

/** A terminal: what was shown, and the line that is being typed. */
export interface Tty extends Target {
  type: 'tty'
  machine: number
  ns: number
  /** The last TTY_TEXT_MAX characters shown, with terminal escapes. */
  text: string
  /** Characters cut off in front of `text`. */
  dropped: number
  /** Line that is being typed, and the cursor in it. */
  line: string
  cursor: number
  prompt: string
  /** A shell edits its line here; otherwise the line is a plain cooked one. */
  editing: boolean
  history: string[]
  /** Place in the history while browsing it, history.length for the new line, and that line. */
  histAt: number
  histSaved: string
  /** Text killed by Ctrl-U, Ctrl-K, Ctrl-W, for Ctrl-Y. */
  killed: string
  /** Complete lines that nobody has read yet (with their newline); '' is an end of file. */
  lines: string[]
  /** The keys so far of an escape sequence that came in pieces. */
  escape: string
  /** Keys that wait: after Enter, what reads the line has its turn first. */
  pending: string
  /** The last key was a Tab without a unique answer: the next lists the candidates. */
  tabbed: boolean
  /** Foreground process group and the shell. */
  fg: number
  shell: number
  /** Process that takes every key as it is (raw mode), 0 for none. */
  raw: number
  waiters: Waiter[]
}

/** Output and exit code of a command run without a terminal. */
export interface Capture extends Target {
  type: 'capture'
  machine: number
  pid: number
  out: string
  err: string
  /** Exit code, -1 while it runs. */
  code: number
  /** Output was cut at CAPTURE_MAX. */
  cut: boolean
}

export type SignalName =
  | 'SIGHUP'
  | 'SIGINT'
  | 'SIGQUIT'
  | 'SIGKILL'
  | 'SIGUSR1'
  | 'SIGUSR2'
  | 'SIGPIPE'
  | 'SIGALRM'
  | 'SIGTERM'

/** What happens to a process after its start. */
export type ProcEvent =
  | { type: 'timer'; tag: string }
  /** A socket has something to read, or an error. */
  | { type: 'sock'; sock: number }
  | { type: 'tap'; frame: TapFrame }
  /** What `readInput` asked for. At the end of the input `eof` is true and `text` empty. */
  | { type: 'input'; fd: number; text: string; eof: boolean }
  | { type: 'child'; pid: number; code: number }
  /** A watched container wrote to its log, or ended. */
  | { type: 'container'; id: string; what: 'log' | 'end'; code: number }
  /** Only for signals in the program's `handles`. */
  | { type: 'signal'; name: SignalName }

/** Where a program runs: passed in, never kept. */
export interface ProcCtx {
  world: World
  ns: Netns
  machine: Machine
  proc: Process
  programs: Programs
}

/** What a completion sees: the words before the cursor, the last one being typed. */
export interface CompletionRequest {
  world: World
  ns: Netns
  machine: Machine
  cwd: string
  programs: Programs
  words: string[]
}

/** Text that replaces [from, to) of a line. */
export interface Completion {
  from: number
  to: number
  candidates: string[]
}

/** The code of a program. It keeps nothing of its own: its memory is `ctx.proc.state`. */
export interface Program {
  name: string
  /** One line for `help`. */
  help: string
  /** Signals it handles itself; all others end it. SIGKILL cannot be handled. */
  handles?: readonly SignalName[]
  /** `ctx.proc.argv[0]` is the name it was called by. Ends by `exitProcess`, or waits for an event. */
  start(ctx: ProcCtx): void
  on?(ctx: ProcCtx, event: ProcEvent): void
  /** Candidates for the last of `words`; undefined: file names. */
  complete?(request: CompletionRequest): string[] | undefined
}

/** Programs by name. */
export type Programs = ReadonlyMap<string, Program>
