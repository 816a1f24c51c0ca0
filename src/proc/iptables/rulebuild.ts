/** The end of a command line: the checks of the whole, and the rules that it describes. Models do_parse of iptables 1.8.9. */
import type { AddrMatch, Match, Rule, TableName, Target } from '../../net/nf/types.ts'
import { finishDraft } from './ext.ts'
import { FORBIDDEN, OPTION_ORDER } from './options.ts'
import type { Command, Parse, Verb } from './parsestate.ts'
import { isTargetName } from './registry.ts'
import { parseHosts } from './values.ts'
import { problem, raise } from './words.ts'

/** parse_chain: what a user's chain may be called. */
export function newChainName(name: string, family: 4 | 6): void {
  if (/^[-!]/.test(name)) problem(`chain name not allowed to start with \`${name[0]}'`)
  if (name === '' || isTargetName(name, family)) problem('chain name may not clash with target name')
  if (/\s/.test(name)) problem(`Invalid chain name \`${name}'`)
}

export function chainLength(name: string): void {
  if (name.length >= 29) problem(`chain name \`${name}' too long (must be under 29 chars)`)
}

export function finish(parse: Parse): Command {
  const { verbs, context } = parse
  const dropped = parse.second === 'DROP' || parse.target?.ext.name === 'DROP'
  if (verbs.has('V') || verbs.has('h')) return made(parse, [])
  if (parse.table === 'nat' && dropped && !verbs.has('E')) {
    problem('\nThe "nat" table is not intended for filtering, the use of DROP is therefore inhibited.\n\n')
  }
  const matches = parse.matches.map(({ ext, draft }) => finishDraft(ext, draft, parse.state) as Match)
  const target = targetOf(parse)
  if (parse.at < parse.words.length) problem('unknown arguments found on commandline')
  if (verbs.size === 0) problem('no command specified')
  if (parse.invert) problem('nothing appropriate following !')
  if (parse.waitInterval && !parse.wait) problem('--wait-interval only makes sense with --wait\n')
  const describes = [...'ACDIR'].some((verb) => verbs.has(verb as Verb))
  const rules = describes ? buildRules(parse, mergePorts(matches), target) : []
  if (verbs.has('R') && rules.length !== 1) problem('Replacement rule does not specify a unique address')
  for (const letter of OPTION_ORDER) {
    if (!parse.used.has(letter)) continue
    if ([...verbs].every((verb) => FORBIDDEN[verb]!.includes(letter))) {
      problem(`Illegal option \`-${letter}' with this command`)
    }
  }
  chainLength(parse.chain)
  if (describes && /^(PREROUTING|INPUT)$/.test(parse.chain) && parse.used.has('o')) {
    problem(`Can't use -o with ${parse.chain}\n`)
  }
  if (describes && /^(POSTROUTING|OUTPUT)$/.test(parse.chain) && parse.used.has('i')) {
    problem(`Can't use -i with ${parse.chain}\n`)
  }
  if (context.restore === undefined && parse.skip) raise('try', '')
  return made(parse, rules)
}

function made(parse: Parse, rules: readonly Rule[]): Command {
  return {
    verbs: parse.verbs,
    family: parse.context.family,
    table: parse.table as TableName,
    chain: parse.chain,
    second: parse.second,
    number: parse.number,
    rules,
    counters: parse.counters,
    verbose: parse.verbose,
    numeric: parse.used.has('n'),
    exact: parse.used.has('x'),
    lineNumbers: parse.used.has('0'),
    skip: parse.skip,
  }
}

function targetOf(parse: Parse): Target {
  if (parse.target !== undefined)
    return finishDraft(parse.target.ext, parse.target.draft, parse.state) as Target
  if (parse.jump === undefined) return { name: '' }
  return { name: parse.jump.goto ? 'GOTO' : 'JUMP', chain: parse.jump.chain }
}

/** nf_tables keeps ports in expressions of its own, so several tcp (or udp) matches come back as one. */
function mergePorts(matches: readonly Match[]): Match[] {
  const list: Match[] = []
  for (const match of matches) {
    const at = list.findIndex((one) => one.name === match.name)
    const before = list[at]
    if (match.name === 'tcp' && before?.name === 'tcp') {
      const both =
        (before.sport && match.sport) || (before.dport && match.dport) || (before.flags && match.flags)
      if (both || before.option !== null || match.option !== null) list.push(match)
      else {
        const flags = before.flags ?? match.flags
        list[at] = {
          ...before,
          sport: before.sport ?? match.sport,
          dport: before.dport ?? match.dport,
          flags,
        }
      }
    } else if (match.name === 'udp' && before?.name === 'udp') {
      const both = (before.sport && match.sport) || (before.dport && match.dport)
      if (both) list.push(match)
      else list[at] = { ...before, sport: before.sport ?? match.sport, dport: before.dport ?? match.dport }
    } else list.push(match)
  }
  return list
}

function buildRules(parse: Parse, matches: Match[], target: Target): Rule[] {
  const { family, lookup } = parse.context
  const hosts = (side: Parse['src']): (AddrMatch | null)[] => {
    if (side === undefined) return [null]
    const list = parseHosts(side.text, family, side.not, lookup)
    // An address of length 0 is any, but `! any` has to be told to the kernel.
    return list.map((one) => (one.len === 0 && !one.not ? null : one))
  }
  const srcs = hosts(parse.src)
  const dsts = hosts(parse.dst)
  if ((srcs.length > 1 || dsts.length > 1) && (parse.src?.not === true || parse.dst?.not === true)) {
    problem('! not allowed with multiple source or destination IP addresses')
  }
  const { proto, protoNot } = parse.state
  const rules: Rule[] = []
  for (const src of srcs) {
    for (const dst of dsts) {
      rules.push({
        id: 0,
        src,
        dst,
        iif: parse.iif,
        oif: parse.oif,
        proto: proto === 0 ? null : { not: protoNot, value: proto },
        fragment: parse.fragment,
        matches,
        target,
        origin: '',
      })
    }
  }
  return rules
}
