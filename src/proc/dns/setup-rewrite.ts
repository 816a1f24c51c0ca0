/** Setup of `rewrite`. Models plugin/rewrite's setup.go, rewrite.go, name.go, type.go, class.go (CoreDNS 1.11.3). */
import type { RewriteConf } from './coretypes.ts'
import { next, nextBlock, remainingArgs, val } from './dispenser.ts'
import { goRegexError } from './gotext.ts'
import type { Setup } from './setup.ts'
import { absolute, classNumber, typeNumber } from './text.ts'

const KINDS = ['exact', 'prefix', 'suffix', 'substring', 'regex'] as const

export const setupRewrite: Setup = ({ server }, d) => {
  while (next(d)) {
    const args = remainingArgs(d)
    // A block is its words in one line.
    if (args.length < 2) while (nextBlock(d)) args.push(val(d))
    const rule = ruleOf(args)
    if (typeof rule === 'string') return rule
    server.rewrites.push(rule)
  }
  return ''
}

function ruleOf(args: readonly string[]): RewriteConf | string {
  const first = args[0]?.toLowerCase()
  if (first === undefined) return 'no rule type specified for rewrite'
  const moded = first === 'continue' || first === 'stop'
  if (moded && args.length < 2) return `${first} rule must begin with a rule type`
  const stop = first !== 'continue'
  const type = (moded ? args[1]! : first).toLowerCase()
  const rest = args.slice(moded ? 2 : 1)
  switch (type) {
    case 'answer':
      return 'response rewrites must begin with a name rule'
    case 'name':
      return nameRule(stop, rest)
    case 'class':
    case 'type': {
      if (rest.length !== 2) return `${type} rules must have exactly two arguments`
      const number = type === 'class' ? classNumber : typeNumber
      const bad = rest.find((text) => number(text.toUpperCase()) === undefined)
      if (bad !== undefined) return `invalid ${type} ${JSON.stringify(bad.toUpperCase())}`
      const [from, to] = rest as [string, string]
      return { stop, field: type, match: 'exact', from, to, auto: false, answers: [] }
    }
    case 'edns0':
    case 'ttl':
    case 'cname':
    case 'rcode':
      return `kubehop: rewrite of ${type} is not modelled`
    default:
      return `invalid rule type ${JSON.stringify(args[0])}`
  }
}

function nameRule(stop: boolean, args: readonly string[]): RewriteConf | string {
  if (args.length < 2) return 'too few arguments for a name rule'
  const kind = args.length === 2 ? 'exact' : args[0]!.toLowerCase()
  const [from, to] = (args.length === 2 ? args : args.slice(1, 3)) as [string, string]
  const plain = (text: string) => absolute(text).toLowerCase()
  const said = args.length > 3 ? answerRules(kind, args.slice(3)) : { auto: false, answers: [] }
  if (typeof said === 'string') return said
  const match = KINDS.find((one) => one === kind)
  if (match === undefined) {
    return `name rule supports only exact, prefix, suffix, substring, and regex name matching, received: ${kind}`
  }
  const wrong =
    match === 'regex' ? badPattern(from, to) : match === 'exact' ? badPattern(plain(to), plain(from)) : ''
  if (wrong !== '') return wrong
  const { answers } = said
  const auto = said.auto || match === 'exact'
  return {
    stop,
    field: 'name',
    match,
    from: match === 'regex' ? from : plain(from),
    to: plain(to),
    auto,
    answers,
  }
}

/** `answer auto`, `answer name FROM TO`, `answer value FROM TO`, any of them in turn. */
function answerRules(kind: string, words: readonly string[]): Pick<RewriteConf, 'auto' | 'answers'> | string {
  const answers: RewriteConf['answers'] = []
  let auto = false
  let last = ''
  if (words.length < 2) return `invalid arguments for ${kind} rule`
  for (let at = 0; at < words.length; ) {
    if (last === '' && words[at] !== 'answer') {
      return `exceeded the number of arguments for a non-answer rule argument for ${kind} rule`
    }
    // The word itself may be left out from the second on.
    if (words[at] === 'answer') at++
    if (at === words.length) return `type missing for answer rule for ${kind} rule`
    last = words[at++]!
    if (last === 'auto') {
      auto = true
      continue
    }
    if (last !== 'name' && last !== 'value') {
      return `invalid type ${JSON.stringify(last)} for answer rule for ${kind} rule`
    }
    const [from, to] = words.slice(at, at + 2)
    if (from === undefined || to === undefined) {
      return `${last} answer rule for ${kind} rule: 2 arguments required`
    }
    const wrong = badPattern(from, to)
    if (wrong !== '') return `${last} answer rule for ${kind} rule: ${wrong}`
    answers.push({ of: last, from, to: absolute(to).toLowerCase() })
    at += 2
  }
  return auto && answers.some(({ of }) => of === 'name')
    ? 'auto name answer rule cannot be combined with explicit name anwer rules'
    : { auto, answers }
}

function badPattern(from: string, to: string): string {
  if (goRegexError(from) !== '') return `invalid regex matching pattern: ${from}`
  const groups = from.replaceAll(/\\./g, '').match(/\((?!\?(?!P<))/g)?.length ?? 0
  const used = new Set(to.match(/\{(?:[0-9]{1,2}|100)\}/g) ?? []).size
  return used <= groups
    ? ''
    : `the rewrite regex pattern (${to}) uses more subexpressions than its corresponding matching regex pattern (${from})`
}
