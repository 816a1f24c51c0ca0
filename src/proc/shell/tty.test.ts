import { describe, expect, it } from 'vitest'
import { machineNetnsAdd, findMachine } from '../../run/machine.ts'
import { processesOf } from '../../run/process.ts'
import { closeTty, completeTty, findTty, ttyKeys, ttyText } from '../../run/tty.ts'
import { runUntil } from '../../sim/dispatch.ts'
import { checkpoint, seek } from '../../sim/timeline.ts'
import type { Bench } from '../check.ts'
import { createBench } from '../check.ts'
import { corePrograms } from '../cmd/core.ts'
import { openTty } from './session.ts'

const PROMPT = 'root@h1:~# '

function open(room = ''): Bench & { tty: number } {
  const bench = createBench(corePrograms)
  let { ns } = bench
  if (room !== '') {
    machineNetnsAdd(bench.world, bench.machine, room)
    ns = findMachine(bench.world, bench.machine)!.netns.get(room)!
  }
  const tty = openTty(bench.world, { machine: bench.machine, ns })
  runUntil(bench.world, bench.rules, { maxEvents: 10 })
  return { ...bench, tty }
}

/** Types keys, runs for a time (ns), and answers what the terminal shows, escapes and all. */
function type(at: Bench & { tty: number }, keys: string, ns = 1_000_000_000): string {
  ttyKeys(at.world, at.tty, keys)
  runUntil(at.world, at.rules, { untilAt: at.world.now + ns, maxEvents: 20_000 })
  if (at.world.frozen !== undefined) throw new Error(at.world.frozen.message)
  return ttyText(at.world, at.tty).text
}

/** What a screen shows of a text with backspaces and "erase to the end of the line". */
function screen(text: string): string[] {
  return text.split('\r\n').map((line) => {
    let cells = ''
    let at = 0
    for (let i = 0; i < line.length; i++) {
      if (line[i] === '\b') at--
      else if (line.startsWith('\x1b[K', i)) {
        cells = cells.slice(0, at)
        i += 2
      } else {
        cells = cells.slice(0, at) + line[i] + cells.slice(at + 1)
        at++
      }
    }
    return cells
  })
}

describe('an interactive shell', () => {
  it('prompts, echoes, runs and prompts again', () => {
    const at = open()
    expect(type(at, 'echo hi\r')).toBe(`${PROMPT}echo hi\r\nhi\r\n${PROMPT}`)
  })

  it('names the namespace, the directory, and asks for the rest of a command', () => {
    expect(ttyText(open('red').world, open('red').tty).text).toBe('root@h1[red]:~# ')
    const at = open()
    expect(screen(type(at, 'cd /etc\r'))[1]).toBe('root@h1:/etc# ')
    expect(screen(type(at, 'for i in 1 2\rdo echo $i\rdone\r')).slice(1)).toEqual([
      'root@h1:/etc# for i in 1 2',
      '> do echo $i',
      '> done',
      '1',
      '2',
      'root@h1:/etc# ',
    ])
  })

  it('words errors as bash does', () => {
    const lines = screen(type(open(), 'nosuch-x\recho )\rcd /nope\r./x\r'))
    expect(lines).toContain('bash: nosuch-x: command not found')
    expect(lines).toContain("bash: syntax error near unexpected token `)'")
    expect(lines).toContain('bash: cd: /nope: No such file or directory')
    expect(lines).toContain('bash: ./x: No such file or directory')
  })

  it('edits the line as readline does', () => {
    const cases: [string, string][] = [
      ['echo abc\x1b[D\x1b[DX', 'echo aXbc'],
      ['cho a\x01e\x05b', 'echo ab'],
      ['echo abc\x7f\x7fd', 'echo ad'],
      ['junk\x15echo k', 'echo k'],
      ['echo one two\x17three', 'echo one three'],
      ['echo abc\x1b[D\x1b[D\x0bZ', 'echo aZ'],
      ['echo abc\x1b[H\x1b[3~\x1b[3~\x1b[F!', 'ho abc!'],
      ['echo a b\x1b[1;5D\x1b[1;5DQ', 'echo Qa b'],
      ['echo xyz\x17\x19\x19', 'echo xyzxyz'],
    ]
    for (const [keys, line] of cases) {
      const at = open()
      expect(screen(type(at, keys)).at(-1)).toBe(PROMPT + line)
      expect(findTty(at.world, at.tty)?.line).toBe(line)
    }
  })

  it('goes through its history and keeps the line that was begun', () => {
    const at = open()
    type(at, 'echo 1\recho 2\r')
    expect(screen(type(at, 'new\x1b[A')).at(-1)).toBe(`${PROMPT}echo 2`)
    expect(screen(type(at, '\x1b[A')).at(-1)).toBe(`${PROMPT}echo 1`)
    expect(screen(type(at, '\x1b[B\x1b[B')).at(-1)).toBe(`${PROMPT}new`)
  })

  it('completes commands, files and directories', () => {
    const at = open()
    expect(screen(type(at, 'hostn\t')).at(-1)).toBe(`${PROMPT}hostname `)
    expect(screen(type(at, '\x15cat /etc/hostn\t')).at(-1)).toBe(`${PROMPT}cat /etc/hostname `)
    expect(screen(type(at, '\x15ls /et\t')).at(-1)).toBe(`${PROMPT}ls /etc/`)
    type(at, '\x15ls /etc/host')
    const from = PROMPT.length - PROMPT.length + 'ls '.length
    expect(completeTty(at.world, at.tty, at.programs)).toEqual({
      from,
      to: 'ls /etc/host'.length,
      candidates: ['/etc/hostname', '/etc/hosts'],
    })
    expect(screen(type(at, '\t\t')).slice(-2)).toEqual(['/etc/hostname  /etc/hosts', `${PROMPT}ls /etc/host`])
  })

  it('gives a line to the command that reads, and its end by Ctrl-D', () => {
    const lines = screen(type(open(), 'cat\rone\rtwo\r\x04echo back\r'))
    expect(lines).toEqual([`${PROMPT}cat`, 'one', 'one', 'two', 'two', `${PROMPT}echo back`, 'back', PROMPT])
  })

  it('ends by Ctrl-D or exit', () => {
    for (const keys of ['\x04', 'exit\r']) {
      const at = open()
      type(at, keys)
      expect(findMachine(at.world, at.machine)?.pids.size).toBe(0)
    }
  })

  it('reports background jobs', () => {
    const lines = screen(type(open(), 'sleep 0.1 &\r', 5_000_000).concat(type(open(), '')))
    expect(lines[1]).toMatch(/^\[1\] \d+$/)
    const at = open()
    type(at, 'sleep 0.1 &\r')
    expect(screen(type(at, '\r'))).toContain('[1]+  Done                    sleep 0.1')
  })
})

describe('Ctrl-C', () => {
  it('gives up the line that is typed', () => {
    const at = open()
    expect(screen(type(at, 'echo no\x03'))).toEqual([`${PROMPT}echo no^C`, PROMPT])
    expect(screen(type(at, 'echo $?\r')).at(-2)).toBe('130')
  })

  it('ends the foreground command with 130, pipelines and loops too', () => {
    for (const line of [
      'sleep 100',
      'sleep 100 | cat',
      'while true; do sleep 1; done',
      'while true; do :; done',
      'sh -c "sleep 100; echo never"',
      '(sleep 100; echo never)',
      'x=$(sleep 100)',
      'timeout 50 sleep 100',
      'cat',
      'read x',
      'wait_=1; sleep 100 & wait',
    ]) {
      const at = open()
      type(at, `${line}\r`)
      type(at, '\x03')
      const lines = screen(type(at, 'echo "[$?]"\r'))
      expect([line, lines.at(-2)]).toEqual([line, '[130]'])
      expect(lines.join('\n')).not.toContain('never\n')
    }
  })

  it('leaves background jobs alone', () => {
    const at = open()
    type(at, 'sleep 100 &\r')
    type(at, 'sleep 50\r')
    type(at, '\x03')
    const machine = findMachine(at.world, at.machine)!
    expect(processesOf(at.world, machine).map((proc) => proc.program)).toEqual(['bash', 'sleep'])
  })

  it('is undone by stepping back', () => {
    const at = open()
    type(at, 'sleep 5; echo a\r')
    checkpoint(at.world)
    const before = at.world.nEvents
    type(at, '\x03')
    expect(screen(ttyText(at.world, at.tty).text).at(-1)).toBe(PROMPT)
    seek(at.world, at.rules, before)
    expect(screen(ttyText(at.world, at.tty).text)).toEqual([`${PROMPT}sleep 5; echo a`, ''])
    runUntil(at.world, at.rules, { maxEvents: 1000 })
    expect(screen(ttyText(at.world, at.tty).text)).toEqual([`${PROMPT}sleep 5; echo a`, 'a', PROMPT])
  })
})

it('closing a terminal ends what runs on it', () => {
  const at = open()
  type(at, 'sleep 100 | cat\r')
  closeTty(at.world, at.tty)
  runUntil(at.world, at.rules, { maxEvents: 100 })
  expect(findMachine(at.world, at.machine)?.pids.size).toBe(0)
  expect(ttyText(at.world, at.tty).text).toBe('')
})
