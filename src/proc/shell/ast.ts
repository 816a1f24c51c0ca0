/** What the shell's parser makes: frozen plain data, shared by every process that runs it. */

export type Word = readonly Part[]

export type Part =
  /** `q`: quoted, so neither split nor a pattern. */
  | { t: 'lit'; s: string; q: boolean }
  /** `op`: '' or one of :- - := = :? ? :+ + # ## % %% and `len` for `${#x}`. */
  | { t: 'var'; name: string; op: string; arg: Word; q: boolean }
  | { t: 'sub'; body: Seq; q: boolean }
  | { t: 'arith'; body: Word; q: boolean }

export interface Redir {
  /** < > >> >| <> >& <& << */
  op: string
  /** Descriptor, -1 for `&>` and `&>>` (both). */
  fd: number
  word: Word
}

export interface Assign {
  name: string
  append: boolean
  word: Word
}

export interface Simple {
  k: 'simple'
  line: number
  assigns: readonly Assign[]
  words: readonly Word[]
  redirs: readonly Redir[]
}

export interface Seq {
  k: 'seq'
  /** `src`: the command's text, for a background job. */
  items: readonly { node: Node; bg: boolean; src: string }[]
}

export type Node =
  | Simple
  | Seq
  | { k: 'andor'; items: readonly { op: '' | '&&' | '||'; node: Node }[] }
  | { k: 'pipe'; bang: boolean; items: readonly Node[] }
  | { k: 'group'; body: Seq; redirs: readonly Redir[] }
  | { k: 'subshell'; body: Seq; redirs: readonly Redir[] }
  | { k: 'if'; arms: readonly { cond: Seq; body: Seq }[]; other: Seq | null; redirs: readonly Redir[] }
  | { k: 'loop'; until: boolean; cond: Seq; body: Seq; redirs: readonly Redir[] }
  /** `words` null: the positional parameters. */
  | {
      k: 'for'
      name: string
      words: readonly Word[] | null
      body: Seq
      redirs: readonly Redir[]
      line: number
    }
  | {
      k: 'case'
      word: Word
      arms: readonly { patterns: readonly Word[]; body: Seq }[]
      redirs: readonly Redir[]
      line: number
    }
  | { k: 'func'; name: string; body: Node }
  /** bash's `time`: `posix` is its -p. */
  | { k: 'time'; posix: boolean; body: Node }
  /** bash's `[[ … ]]`: its words, operators as literal words. */
  | { k: 'cond'; line: number; words: readonly Word[]; redirs: readonly Redir[] }
  /** bash's `(( … ))` and the three parts of `for ((;;))`. */
  | { k: 'arith'; line: number; body: Word; redirs: readonly Redir[] }
  | {
      k: 'cfor'
      line: number
      init: Word
      cond: Word
      step: Word
      body: Seq
      redirs: readonly Redir[]
    }

export type Dialect = 'dash' | 'bash'

/** `incomplete`: more input could make it right (an interactive shell asks for it). */
export interface SyntaxFault {
  line: number
  /** Without the `sh: 1: ` or `bash: -c: line 1: ` in front. bash may print more than one line. */
  message: string
  incomplete: boolean
  /** bash repeats the line under `near unexpected token`. */
  echo: boolean
}
