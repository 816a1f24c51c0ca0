/** hostname, uname, date, uptime, id, whoami, pwd, echo, printf, true, false, test, which, env, clear, help, sleep. */
import { environOf } from '../../run/env.ts'
import { formatIp, isLinkLocal } from '../../base/addr.ts'
import { klogLines } from '../../net/link/klog.ts'
import { hostnameOf } from '../../run/containerlife.ts'
import { readFile } from '../../run/files.ts'
import { execProgram, exitProcess, setTimer } from '../../run/process.ts'
import type { ProcCtx, Program } from '../../run/types.ts'
import { touch } from '../../sim/dispatch.ts'
import { dateText } from '../clock.ts'
import { hostsLines } from '../dns/resolvconf.ts'
import { echoText, printfText } from '../format.ts'
import { err, fail, finish, out, parseOptions } from '../program.ts'
import { findProgram } from '../shell/simple.ts'
import { evalTest } from '../shell/test.ts'
import { usage } from './filter.ts'

const echo: Program = {
  name: 'echo',
  help: 'print words',
  start: (ctx) => finish(ctx, echoText(ctx.proc.argv.slice(1), 'bash')),
}

const printf: Program = {
  name: 'printf',
  help: 'print by a format',
  start(ctx) {
    const [format, ...args] = ctx.proc.argv.slice(1)
    if (format === undefined) return void usage(ctx, 'missing operand')
    const { text, bad } = printfText(format, args)
    out(ctx, text)
    for (const one of bad) err(ctx, `printf: '${one}': expected a numeric value\n`)
    exitProcess(ctx, bad.length > 0 ? 1 : 0)
  },
}

function testProgram(name: 'test' | '['): Program {
  return {
    name,
    help: 'check files, strings and numbers',
    start(ctx) {
      const args = ctx.proc.argv.slice(1)
      if (name === '[' && args.pop() !== ']') return fail(ctx, 2, "[: missing ']'")
      const result = evalTest(ctx, 'bash', args)
      if (result.error !== '') err(ctx, `${name}: ${result.error}\n`)
      exitProcess(ctx, result.status)
    },
  }
}

const hostname: Program = {
  name: 'hostname',
  help: "print or set the machine's name",
  start(ctx) {
    const options = parseOptions(ctx.proc.argv.slice(1), 'sfIiF:', ['short', 'fqdn'])
    if (options.error !== '') return void usage(ctx, options.error)
    const name = options.flags.has('F')
      ? readFile(ctx, options.flags.get('F')!).text.trim()
      : options.operands[0]
    if (name !== undefined) {
      if (!/^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$/.test(name))
        return fail(ctx, 1, 'hostname: the specified hostname is invalid')
      if (ctx.proc.container !== '') return fail(ctx, 1, 'hostname: you must be root to change the host name')
      touch(ctx.world, ctx.machine.id)
      ctx.machine.hostname = name
      return exitProcess(ctx, 0)
    }
    if (options.flags.has('I')) return finish(ctx, `${ownAddresses(ctx)}\n`)
    if (options.flags.has('i')) return fail(ctx, 1, 'hostname: -i: not modelled in Kubehop')
    const own = hostnameOf(ctx.machine, ctx.proc)
    // The canonical name is the first of its line in /etc/hosts: kubelet writes a pod's whole name there.
    const whole = options.flags.has('f') || options.flags.has('fqdn')
    const canonical = whole ? hostsLines(ctx).find(({ names }) => names.includes(own))?.names[0] : undefined
    const brief = options.flags.has('s') || options.flags.has('short')
    finish(ctx, `${canonical ?? (brief ? own.split('.')[0] : own)}\n`)
  },
}

/** `hostname -I`: every address but loopback and link-local ones, each with a space after it, IPv4 first. */
function ownAddresses(ctx: ProcCtx): string {
  const all = ctx.ns.links.flatMap((link) => {
    return link === undefined || !link.up || link.kind === 'loopback'
      ? []
      : link.addrs.map(({ addr }) => addr)
  })
  const shown = all.filter((addr) => typeof addr === 'number' || !isLinkLocal(addr))
  const families = [
    ...shown.filter((addr) => typeof addr === 'number'),
    ...shown.filter((addr) => typeof addr === 'string'),
  ]
  return families.map((addr) => `${formatIp(addr)} `).join('')
}

const UNAME: readonly [string, string, (ctx: ProcCtx) => string][] = [
  ['s', 'kernel-name', () => 'Linux'],
  ['n', 'nodename', (ctx) => hostnameOf(ctx.machine, ctx.proc)],
  ['r', 'kernel-release', () => '6.18.0'],
  ['v', 'kernel-version', () => '#1 SMP kubehop'],
  ['m', 'machine', () => 'x86_64'],
  ['o', 'operating-system', () => 'GNU/Linux'],
]

const uname: Program = {
  name: 'uname',
  help: 'print the system (-a everything)',
  start(ctx) {
    const options = parseOptions(ctx.proc.argv.slice(1), 'asnrvmopi', [
      'all',
      ...UNAME.map(([, long]) => long),
    ])
    if (options.error !== '') return void usage(ctx, options.error)
    if (options.operands.length > 0) return void usage(ctx, `extra operand '${options.operands[0]}'`)
    const { flags } = options
    const all = flags.has('a') || flags.has('all')
    const parts = UNAME.filter(([short, long]) => {
      return all || flags.has(short) || flags.has(long) || (flags.size === 0 && short === 's')
    })
    finish(ctx, `${parts.map(([, , text]) => text(ctx)).join(' ')}\n`)
  },
}

const date: Program = {
  name: 'date',
  help: 'print the virtual time (+FORMAT as strftime)',
  start(ctx) {
    const options = parseOptions(ctx.proc.argv.slice(1), 'uRd:s:I', ['utc'])
    if (options.error !== '') return void usage(ctx, options.error)
    for (const flag of ['d', 's']) {
      if (options.flags.has(flag)) return fail(ctx, 1, `date: -${flag}: not modelled in Kubehop`)
    }
    const operand = options.operands[0]
    if (operand !== undefined && !operand.startsWith('+'))
      return fail(ctx, 1, `date: invalid date '${operand}'`)
    let format = operand?.slice(1) ?? '%a %b %e %H:%M:%S UTC %Y'
    if (options.flags.has('R')) format = '%a, %d %b %Y %H:%M:%S %z'
    if (options.flags.has('I')) format = '%F'
    finish(ctx, `${dateText(ctx.world.now, format)}\n`)
  },
}

const uptime: Program = {
  name: 'uptime',
  help: 'print how long the machine has run',
  start(ctx) {
    const minutes = Math.floor(ctx.world.now / 60e9)
    const hours = Math.floor(minutes / 60)
    const up =
      hours > 0 ? `${String(hours).padStart(2)}:${String(minutes % 60).padStart(2, '0')}` : `${minutes} min`
    finish(ctx, ` ${dateText(ctx.world.now, '%T')} up ${up},  0 users,  load average: 0.00, 0.00, 0.00\n`)
  },
}

const which: Program = {
  name: 'which',
  help: 'print where a command is',
  start(ctx) {
    let code = 0
    for (const name of ctx.proc.argv.slice(1).filter((arg) => arg !== '-a')) {
      if (ctx.programs.has(name)) out(ctx, `/usr/bin/${name}\n`)
      else code = 1
    }
    exitProcess(ctx, code)
  },
}

const env: Program = {
  name: 'env',
  help: 'print the environment, or run a command in a changed one',
  start(ctx) {
    const args = ctx.proc.argv.slice(1)
    const vars = new Map(environOf(ctx.proc))
    while (args.length > 0) {
      const arg = args[0]!
      if (arg === '-i' || arg === '-') vars.clear()
      else if (arg === '-u') {
        args.shift()
        vars.delete(args[0] ?? '')
      } else if (arg.includes('=') && !arg.startsWith('-')) {
        vars.set(arg.slice(0, arg.indexOf('=')), arg.slice(arg.indexOf('=') + 1))
      } else break
      args.shift()
    }
    const name = args[0]
    if (name === undefined) {
      finish(ctx, [...vars].map(([key, value]) => `${key}=${value}\n`).join(''))
      return
    }
    const found = findProgram(ctx, name)
    if (found.error !== '') {
      const notModelled = found.error === 'not modelled'
      return fail(
        ctx,
        127,
        notModelled ? `${name}: not modelled in Kubehop` : `env: '${name}': No such file or directory`,
      )
    }
    execProgram(
      ctx,
      found.program,
      found.script === '' ? args : [found.program, found.script, ...args.slice(1)],
      vars,
    )
  },
}

const SUFFIX: Readonly<Record<string, number>> = Object.freeze({ s: 1, m: 60, h: 3600, d: 86_400 })

/** `1`, `0.5`, `2m`: a time as `sleep` and `timeout` take it, in ns; undefined where it is none. */
export function parseInterval(text: string): number | undefined {
  if (/^inf(inity)?$/.test(text)) return 100 * 86_400 * 1e9
  const match = /^([0-9]{1,9}(?:\.[0-9]*)?|\.[0-9]+)([smhd]?)$/.exec(text)
  if (match === null) return undefined
  return Math.min(Math.round(Number(match[1]) * (SUFFIX[match[2] || 's'] ?? 1) * 1e9), 100 * 86_400 * 1e9)
}

const sleep: Program = {
  name: 'sleep',
  help: 'wait a time (0.5, 2, 1m)',
  start(ctx) {
    const args = ctx.proc.argv.slice(1)
    if (args.length === 0) return void usage(ctx, 'missing operand')
    let total = 0
    for (const arg of args) {
      const ns = parseInterval(arg)
      if (ns === undefined) return void usage(ctx, `invalid time interval '${arg}'`)
      total += ns
    }
    setTimer(ctx, ctx.world.now + total, 'sleep')
  },
  on(ctx, event) {
    if (event.type === 'timer') exitProcess(ctx, 0)
  },
}

const help: Program = {
  name: 'help',
  help: 'this list',
  start(ctx) {
    const wanted = ctx.proc.argv[1]
    const names = [...ctx.programs.keys()].sort().filter((name) => wanted === undefined || name === wanted)
    if (names.length === 0) return fail(ctx, 1, `help: no help topics match '${wanted}'`)
    const width = Math.max(...names.map((name) => name.length))
    finish(
      ctx,
      names.map((name) => `${name.padEnd(width)}  ${ctx.programs.get(name)?.help ?? ''}\n`).join(''),
    )
  },
}

function plain(name: string, text: string, start: (ctx: ProcCtx) => void): Program {
  return { name, help: text, start }
}

export const systemPrograms: readonly Program[] = [
  echo,
  printf,
  testProgram('test'),
  testProgram('['),
  plain('true', 'succeed', (ctx) => exitProcess(ctx, 0)),
  plain('false', 'fail', (ctx) => exitProcess(ctx, 1)),
  plain('pwd', 'print the working directory', (ctx) => finish(ctx, `${ctx.proc.cwd}\n`)),
  plain('whoami', 'print who you are', (ctx) => finish(ctx, 'root\n')),
  plain('id', 'print who you are, in numbers', (ctx) => {
    const bare = ctx.proc.argv[1] === '-u' || ctx.proc.argv[1] === '-g'
    finish(ctx, bare ? '0\n' : 'uid=0(root) gid=0(root) groups=0(root)\n')
  }),
  plain('clear', 'clear the terminal', (ctx) => finish(ctx, '\x1b[H\x1b[2J\x1b[3J')),
  plain('dmesg', "print the kernel's log", (ctx) => {
    const lines = klogLines(ctx.ns).map(({ at, text }) => `[${(at / 1e9).toFixed(6).padStart(12)}] ${text}\n`)
    finish(ctx, lines.join(''))
  }),
  hostname,
  uname,
  date,
  uptime,
  which,
  env,
  sleep,
  help,
]
