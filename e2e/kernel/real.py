#!/usr/bin/env python3
"""The oracle (../shared/oracle) for both families: what it says of IPv4 rules and connections, of IPv6's too.

real.py run TOPO.sh FLOWS.json -o DIR      arguments and output are as its README says.

Rules of ip6tables are named `6 TABLE/CHAIN#N …`, connections of IPv6 have their addresses as RFC 5952 writes them.
Forwarding entries are forgotten without a change of the bridge itself, which would send its multicast reports again.
"""
import ipaddress
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), *['..'] * 3, 'shared', 'oracle'))
import oracle  # noqa: E402


def hits_of_both(hits):
    def both(net):
        found = hits(net)
        for ns in net.names:
            table, seen = None, {}
            for line in oracle.sh(ns, 'ip6tables-save -c 2>/dev/null').stdout.splitlines():
                if line.startswith('*'):
                    table = line[1:]
                rule = re.match(r'\[(\d+):\d+\] -A (\S+) (.*)', line)
                if rule is None:
                    continue
                n = seen[table, rule[2]] = seen.get((table, rule[2]), 0) + 1
                text = re.sub(r'-m comment --comment ("[^"]*"|\S+) ?', '', rule[3]).strip()
                found[ns, f'6 {table}/{rule[2]}#{n}', text] = int(rule[1])
        return found

    return both


def connections_of_both(line_of):
    def both(line, label):
        words = line.split()
        if words[0] != 'ipv6' or words[2] not in ('tcp', 'udp', 'icmpv6'):
            return line_of(line, label)
        # IPv4's words, but for the addresses, which are given back short.
        name = 'icmp' if words[2] == 'icmpv6' else words[2]
        told = line_of(' '.join(['ipv4', words[1], name, *words[3:]]), label)
        short = re.sub(r'[0-9a-f]{4}(:[0-9a-f]{4}){7}', lambda m: ipaddress.ip_address(m[0]).compressed, told)
        return short.replace('icmp', 'icmpv6', 1) if name == 'icmp' else short

    return both


def forget(net):
    for ns in net.names:
        for what in ('neigh flush all', 'route flush cache', 'tcp_metrics flush'):
            quietly('ip', '-n', ns, *what.split())
        for name, link in net.dev[ns].items():
            if link.get('linkinfo', {}).get('info_kind') == 'bridge':
                quietly('bridge', '-n', ns, 'fdb', 'flush', 'dev', name, 'dynamic')
        oracle.ct_flush(ns)


def quietly(*command):
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def names_ip6tables():
    def text(path):
        with open(path, encoding='utf-8') as file:
            return file.read()

    return any('ip6tables' in text(path) for path in sys.argv[2:4])


# Where nobody speaks of such rules, nobody need ask each namespace for them.
if names_ip6tables():
    oracle.Net.hits = hits_of_both(oracle.Net.hits)
oracle.Net.forget = forget
oracle.conntrack_line = connections_of_both(oracle.conntrack_line)
# In its sandbox it starts itself anew: that shall be this file.
oracle.__file__ = __file__
oracle.main()
