// Texts are those of `busybox ps` 1.35 in a PID namespace of its own (Debian's build, which leaves TIME and ELAPSED out:
// their form is that of procps/ps.c, width 5 and 7).
import { expect, it } from 'vitest'
import { createBench, runLine } from '../check.ts'
import { corePrograms } from './core.ts'

function alpine() {
  const bench = createBench(corePrograms)
  runLine(bench, ': > /etc/alpine-release')
  runLine(bench, 'sleep 4000 &')
  return bench
}

const rows = (text: string) => text.replaceAll(/^ *\d+/gm, (pid) => 'N'.padStart(pid.length))

it('lists in its own form, whatever letters it is given', () => {
  const bench = alpine()
  for (const command of ['ps', 'ps aux', 'ps -ef', 'ps w', 'ps -a -A -d -l']) {
    const { out, code } = runLine(bench, command)
    expect(code).toBe(0)
    const lines = rows(out).trimEnd().split('\n')
    expect(lines[0]).toBe('PID   USER     TIME  COMMAND')
    expect(lines).toContain('    N root      0:00 sleep 4000')
    expect(lines.at(-1)).toBe(`    N root      0:00 ${command}`)
  }
})

it('shows the columns that are asked for', () => {
  const bench = alpine()
  const one = (columns: string) => {
    const lines = rows(runLine(bench, `ps -o ${columns}`).out).split('\n')
    return [lines[0], lines.find((line) => line.includes('sl'))]
  }
  expect(one('pid,user,nice,vsz,args')).toEqual([
    'PID   USER     NI    VSZ  COMMAND',
    '    N root         0    0 sleep 4000',
  ])
  expect(one('pid,args=CMD')).toEqual(['PID   CMD', '    N sle'])
  expect(one('pid -o comm')).toEqual(['PID   COMMAND', '    N sleep'])
  expect(one('etime,tty,stat,comm')[0]).toBe('ELAPSED TT     STAT COMMAND')
  expect(runLine(bench, 'ps -o pid=').out).toMatch(/^ {2,4}\d+\n/)
})

it('refuses with its usage', () => {
  const bench = alpine()
  const usage =
    '\nUsage: ps [-o COL1,COL2=HEADER] [-T]\n\nShow list of processes\n\n' +
    '\t-o COL1,COL2=HEADER\tSelect columns for display\n\t-T\t\t\tShow threads\n'
  const wrong = runLine(bench, 'ps -u')
  expect(wrong.err).toMatch(/^ps: invalid option -- 'u'\nBusyBox v/)
  expect(wrong.err.endsWith(usage)).toBe(true)
  expect(wrong.code).toBe(1)
  expect(runLine(bench, 'ps -o').err).toMatch(/^ps: option requires an argument -- 'o'\n/)
  expect(runLine(bench, 'ps -o pid,foo').err).toBe(
    "ps: bad -o argument 'foo', supported arguments: " +
      'user,group,comm,args,pid,ppid,pgid,etime,nice,rgroup,ruser,time,tty,vsz,sid,stat,rss\n',
  )
  expect(runLine(bench, 'ps -o pid,sid').err).toBe('ps: column SID: not modelled in Kubehop\n')
})
