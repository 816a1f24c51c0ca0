/** What the page shows before its worker has come: the engine's own view of a lab as it has just been opened. */
import { createLabSession } from '../session/standard.ts'
import type { LessonView } from '../session/types.ts'
import type { Scene } from '../view/types.ts'

export interface FirstLab {
  text: string
  title: string
  titles: Record<string, string>
  scene: Scene
  lesson: LessonView | null
}

/** Boots a lab and looks at it at time 0. Throws where the text has errors. */
export function firstLab(text: string): FirstLab {
  const session = createLabSession({
    post: () => undefined,
    now: () => 0,
    // Time stands: nothing comes later.
    later: () => 0,
    cancel: () => undefined,
  })
  const { ok, title, titles, diagnostics } = session.open(text)
  if (!ok) throw new Error(`the first lab does not open: ${diagnostics[0]?.message}`)
  return { text, title, titles, scene: session.scene(), lesson: session.lesson() }
}
