import { expect, it } from 'vitest'
import { parseIp4 } from '../../base/addr.ts'
import { netnsOf } from '../../net/world.ts'
import { createBench, runBash, runLine } from '../check.ts'
import { dateText } from '../clock.ts'
import { resolveHost } from '../program.ts'
import { findMachine } from '../../run/machine.ts'
import type { ProcCtx } from '../../run/types.ts'
import { corePrograms } from './core.ts'

it('time passes virtually: sleep, date, time, timeout', () => {
  const bench = createBench(corePrograms)
  expect(runLine(bench, 'sleep 2; sleep 0.5').took).toBe(2_500_000_000)
  expect(runLine(bench, 'date +%s.%N').out).toBe('1767225602.500000000\n')
  expect(runBash(bench, 'time sleep 61.25').err).toBe('\nreal\t1m1.250s\nuser\t0m0.000s\nsys\t0m0.000s\n')
  expect(runLine(bench, 'timeout 3 sleep 10').took).toBe(3_000_000_000)
})

it('dates are those of date(1)', () => {
  // date -u -d @SECONDS '+%F %T %a %j'
  const of = (seconds: number) => dateText((seconds - 1_767_225_600) * 1e9, '%F %T %a %j')
  expect(of(1_767_225_600)).toBe('2026-01-01 00:00:00 Thu 001')
  expect(of(1_772_323_199)).toBe('2026-02-28 23:59:59 Sat 059')
  expect(of(1_835_395_200)).toBe('2028-02-29 00:00:00 Tue 060')
  expect(of(1_861_919_999)).toBe('2028-12-31 23:59:59 Sun 366')
})

it('names are resolved by /etc/hosts, as getaddrinfo(3) words what is not there', () => {
  const bench = createBench(corePrograms)
  runLine(bench, 'echo "10.1.2.3 web web.lab # x" >> /etc/hosts')
  const machine = findMachine(bench.world, bench.machine)!
  const ctx = {
    world: bench.world,
    ns: netnsOf(bench.world, bench.ns),
    machine,
    proc: { cwd: '/' },
  } as ProcCtx
  const ip = (host: string, family: 0 | 4 | 6 = 0) => resolveHost(ctx, host, family).ip
  const error = (host: string, family: 0 | 4 | 6 = 0) => resolveHost(ctx, host, family).error
  expect(ip('web.lab')).toBe(parseIp4('10.1.2.3'))
  expect(ip('localhost')).toBe(parseIp4('127.0.0.1'))
  expect(ip('localhost', 6)).toBe('00000000000000000000000000000001')
  expect(ip('h1')).toBe(parseIp4('127.0.1.1'))
  // What getaddrinfo answers in a namespace without a name server (glibc 2.36).
  expect([ip('1.2.3'), ip('0x7f.1')]).toEqual([parseIp4('1.2.0.3'), parseIp4('127.0.0.1')])
  for (const host of ['foo', '300.1.1.1', 'foo_bar', '1.2.3.4.5', 'web', 'x.'].filter(
    (one) => one !== 'web',
  )) {
    expect([host, error(host)]).toEqual([host, 'Temporary failure in name resolution'])
  }
  for (const host of ['', 'a b', '-x', '::g']) {
    expect([host, error(host)]).toEqual([host, 'Name or service not known'])
  }
  expect(error('::1', 4)).toBe('Address family for hostname not supported')
})

it('sudo runs what it is given, hostname sets what the prompt shows', () => {
  const bench = createBench(corePrograms)
  expect(runLine(bench, 'sudo echo hi; sudo nosuch-x; sudo vim').err).toBe(
    'sudo: nosuch-x: command not found\nvim: not modelled in Kubehop\n',
  )
  expect(runLine(bench, 'hostname web1; hostname; cat /etc/hostname; uname -n').out).toBe(
    'web1\nweb1\nweb1\n',
  )
  expect(runLine(bench, 'hostname -I').out).toBe('\n')
})

it('sysctl files take and refuse values as the kernel does', () => {
  const bench = createBench(corePrograms)
  const file = '/proc/sys/net/ipv4/ip_forward'
  expect(runLine(bench, `echo 1 > ${file}; cat ${file}`).out).toBe('1\n')
  // dash and bash on Linux 6.18, `echo x > /proc/sys/net/ipv4/ip_forward`.
  expect(runLine(bench, `echo x > ${file}`)).toMatchObject({ err: 'sh: 1: echo: echo: I/O error\n', code: 1 })
  expect(runBash(bench, `echo x > ${file}`)).toMatchObject({
    err: 'bash: line 1: echo: write error: Invalid argument\n',
    code: 1,
  })
})
