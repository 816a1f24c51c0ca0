/** Lesson text: paragraphs, numbered lists, `code` between backticks, *stressed* words. Nothing else is markup. */

export interface Part {
  text: string
  code: boolean
  stressed?: boolean
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

/** Code, stressed words and what is between them, on one line. */
export function partsOf(text: string): Part[] {
  return text
    .replace(/\s*\n\s*/g, ' ')
    .split(/(`[^`]+`|(?<![\w*])\*[^\s*`](?:[^*`]*[^\s*`])?\*(?![\w*]))/)
    .filter((piece) => piece !== '')
    .map((piece) => {
      const inside = piece.slice(1, -1)
      if (piece.length > 2 && /^`.*`$/.test(piece)) return { text: inside, code: true }
      if (piece.length > 2 && /^\*.*\*$/.test(piece)) return { text: inside, code: false, stressed: true }
      return { text: piece, code: false }
    })
}
