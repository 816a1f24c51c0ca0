/** What --help prints: the command line's whole contract. */
export const HELP = `Usage: npm run -s lab -- COMMAND FILE [options]

FILE is a lab: a containerlab topology and at most one Lesson document. It is booted first (its exec lines).

Commands
  run        types commands and prints what each prints, and its exit code
  trace      the same, then every packet that the commands gave rise to, hop by hop
  explain    sends one probe and says what becomes of it; nothing is changed
               --from MACHINE[/NETNS] --dst ADDRESS [--proto icmp|udp|tcp] [--src ADDRESS] [--dport PORT]
               [--sport PORT] [--in DEVICE]   (without --dport: tcp 80, udp 53)
               with --in the packet arrives by that device, from --src; else MACHINE sends it.
               A neighbour beyond an open end (a dumped machine's card without a cable) is taken to answer.
  pcap       writes what every device sent and received from the first --exec on: --out FILE.pcapng
  export     prints the lab for another tool: --to sh | containerlab | yaml [--out FILE] [--netem]
               sh: a bash script that rebuilds the state in real namespaces named MACHINE and MACHINE.NETNS, a cluster's
               pods among them, as they stand after the boot (pods run by then), the --exec commands and --until;
               with --netem, cables keep their latency, loss and rate
  check      runs the lesson's checks, each on a branch of its own
  replay     runs again, stops after event --event N and prints the state's hash and that event
  api        serves the API of the lab's cluster on 127.0.0.1 to a real kubectl, until it is stopped (Ctrl-C)
               [--port N] [--kubeconfig FILE] [--speed X]
               prints a kubeconfig, or writes it; the lab's time follows the clock, X times as fast

Options of all commands
  --exec 'MACHINE[/NETNS]: COMMAND'   type a command; repeatable, in order, each to its end unless it ends in &
  --script FILE                       the same, one a line; empty lines and lines with # are skipped
  --dump MACHINE=FILE                 put a real machine's dump onto a machine of the lab, or make it (FILE of the lab may be
                                      left out then); repeatable: iptables-save, ip6tables-save, ip addr, ip -d link,
                                      ip route, ip rule, ip neigh, bridge fdb, sysctl, one after the other in one file
  --seed N                            another seed than the lesson's (or 1)
  --until TIME                        run on until TIME after the boot (2s, 500ms, 1.5s); what runs then is cut off
  --json                              print JSON instead of text
  --verbose                           trace, explain: the deciding record and the headers at each step
  --lang TAG                          check: language of the titles

Exit codes
  0 fine   1 a command or a check failed   2 the command line or the lab is wrong   3 the engine froze (our bug)

JSON (field "version" is 1; it is raised when a field changes its meaning or goes away). Times are virtual ns.
  run      {version, lab, seed, boot: [{machine, line, code, out, err, at}], commands: [{place, command, code (null while
           it runs), stdout, stderr, startedAt, endedAt}], now, events, hash, frozen}
  trace    as run, and traces: [{id, cause, at, event, proto, label, src, dst, disposition, reason, hops: [{event, at,
           room, devIn, devOut, steps: [{kind, action, reason, dev, text, evidence, layers}], changes}]}]
  explain  {version, lab, seed, now, events, hash, traces, answer: {disposition, reason, left: {room, dev, layers} | null,
           assumed: [{room, dev, ip, mac}], cameBack, rules: [{hop, step, room, family, table, hook, chain, number, text,
           verdict, change, why, path: [{chain, number, text}], passed: [{chain, number, text, failed}], asked}],
           lookups: [{hop, step, policies, route}]}}: hash is that of run with the same commands; hop and step are indices
           into the first trace; disposition is a trace's, or LEFT where the packet went out by an open end
  pcap     as run, and file, devices, frames (counts)
  check    {version, lab, seed, checks: [{id, title, ok, detail}]}
  replay   {version, lab, seed, event, at, hash, last: {kind, target, where, arg} | null, frozen}

Examples
  npm run -s lab -- run public/labs/1.1-two-namespaces.yaml --exec 'host/net1: ping -c 3 20.1.1.2'
  npm run -s lab -- explain --dump web=web.txt --from web --in eth0 --src 198.51.100.7 --dst 192.0.2.10 --proto tcp --dport 8080
  npm run -s lab -- api LAB.yaml --port 8001 --kubeconfig kube.conf   (then: kubectl --kubeconfig kube.conf get nodes)
  npm run -s lab -- export public/labs/1.4-bridge-of-four.yaml --to sh > topo.sh && sudo bash topo.sh
`
