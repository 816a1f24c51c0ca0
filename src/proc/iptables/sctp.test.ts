// SCTP's ports, as kube-proxy writes rules for Services of that protocol. Recorded from iptables 1.8.9 (nf_tables).
import { expect, it } from 'vitest'
import { runLine } from '../check.ts'
import { corePrograms } from '../cmd/core.ts'
import { nfPrograms } from '../cmd/nf.ts'
import { createNetBench } from '../cmd/transcript.ts'

it('keeps and lists rules for SCTP', () => {
  const made = createNetBench([...corePrograms, ...nfPrograms])
  runLine(made, 'iptables -A INPUT -p sctp --dport 7777 -j ACCEPT')
  runLine(made, 'iptables -A INPUT -m sctp -p sctp --sport 1:5 -j ACCEPT')
  const saved = runLine(made, 'iptables-save -t filter').out.split('\n')
  expect(saved.filter((line) => line.startsWith('-A'))).toEqual([
    '-A INPUT -p sctp -m sctp --dport 7777 -j ACCEPT',
    '-A INPUT -p sctp -m sctp --sport 1:5 -j ACCEPT',
  ])
  const listed = runLine(made, 'iptables -nL INPUT').out.split('\n').slice(2, 4)
  expect(listed).toEqual([
    'ACCEPT     132  --  0.0.0.0/0            0.0.0.0/0            sctp dpt:7777',
    'ACCEPT     132  --  0.0.0.0/0            0.0.0.0/0            sctp spts:1:5',
  ])
})
