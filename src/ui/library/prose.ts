/** Lesson text: paragraphs, numbered lists, and `code` between backticks. Nothing else is markup. */

export interface Part {
  text: string
  code: boolean
}

export type Block = { kind: 'paragraph'; parts: Part[] } | { kind: 'list'; items: Part[][] }

/** Paragraphs and lists: a paragraph whose lines begin with `1. `, `2. ` and so on is a list. */
export function blocks(text: string): Block[] {
  return text
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.trim())
    .filter((paragraph) => paragraph !== '')
    .map((paragraph) => {
      if (!/^\d+\. /.test(paragraph)) return { kind: 'paragraph', parts: partsOf(paragraph) }
      const items = paragraph.split(/\n\s*(?=\d+\. )/).map((item) => partsOf(item.replace(/^\d+\. /, '')))
      return { kind: 'list', items }
    })
}

/** Code and what is between it, on one line. */
export function partsOf(text: string): Part[] {
  return text
    .replace(/\s*\n\s*/g, ' ')
    .split(/(`[^`]+`)/)
    .filter((piece) => piece !== '')
    .map((piece) =>
      piece.length > 2 && piece.startsWith('`') && piece.endsWith('`')
        ? { text: piece.slice(1, -1), code: true }
        : { text: piece, code: false },
    )
}
