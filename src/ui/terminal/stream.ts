/**
 * A terminal's text comes by two ways: all of it as the answer to a question, and what is new by the stream. They are
 * joined here, whichever comes first.
 */
export interface TtyStream {
  /** Takes a message of the stream. */
  take: (text: string, reset: boolean) => void
  /** Takes the answer to the first question; what came by the stream before it is part of it or follows it. */
  begin: (text: string) => void
  /** Shows this text instead of whatever is shown. */
  replace: (text: string) => void
}

/** Joins the two; `write` is called with what to print, `reset` where the screen is to be emptied first. */
export function joinStream(write: (text: string, reset: boolean) => void): TtyStream {
  let began = false
  let early = ''
  /** All that is shown: a jump of time that only adds to it needs no redrawing. */
  let shown = ''
  const show = (text: string, reset: boolean) => {
    if (reset && shown !== '' && text.startsWith(shown)) {
      const more = text.slice(shown.length)
      shown = text
      if (more !== '') write(more, false)
      return
    }
    shown = reset ? text : shown + text
    write(text, reset)
  }
  return {
    take(text, reset) {
      if (reset) {
        began = true
        show(text, true)
      } else if (began) show(text, false)
      else early += text
    },
    begin(text) {
      if (began) return
      began = true
      show(text + early.slice(overlap(text, early)), true)
      early = ''
    },
    replace(text) {
      shown = ''
      show(text, true)
    },
  }
}

/** Length of the longest beginning of `late` that `text` ends with. */
export function overlap(text: string, late: string): number {
  for (let n = Math.min(text.length, late.length); n > 0; n--) if (text.endsWith(late.slice(0, n))) return n
  return 0
}
