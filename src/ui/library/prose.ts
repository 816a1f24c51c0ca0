/** Lesson text: paragraphs, and `code` between backticks. Nothing else is markup. */

export interface Part {
  text: string
  code: boolean
}

export function paragraphs(text: string): Part[][] {
  return text
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.trim().replace(/\s*\n\s*/g, ' '))
    .filter((paragraph) => paragraph !== '')
    .map((paragraph) =>
      paragraph
        .split(/(`[^`]+`)/)
        .filter((piece) => piece !== '')
        .map((piece) =>
          piece.length > 2 && piece.startsWith('`') && piece.endsWith('`')
            ? { text: piece.slice(1, -1), code: true }
            : { text: piece, code: false },
        ),
    )
}
