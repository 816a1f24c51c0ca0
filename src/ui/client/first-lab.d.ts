/** Made by src/cli/dev/first-lab.mjs while the page is built. */
declare module 'virtual:first-lab' {
  import type { LessonView } from '../../session/types.ts'
  import type { Scene } from '../../view/types.ts'

  export const first: {
    /** Its file in public/labs. */
    file: string
    text: string
    title: string
    titles: Record<string, string>
    /** The engine's own view of it at time 0, before anything was typed. */
    scene: Scene
    lesson: LessonView | null
  }
}
