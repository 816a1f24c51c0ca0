/**
 * The first lab, drawn before the worker has come: its picture and its lesson came with the page, made by the engine
 * when the page was built. The worker's own picture, which is the same, takes its place.
 */
import { first } from 'virtual:first-lab'
import type { LessonView } from '../../session/types.ts'
import { wholeScene } from './scene.ts'
import { useStore } from './store.ts'

export const FIRST_LAB = { file: first.file, text: first.text }

/** Shows the first lab; nothing runs yet. */
export function showFirst(): void {
  const { doc, scene } = useStore.getState()
  const { file, text, title, titles } = first
  useStore.setState({
    scene: wholeScene(scene, first.scene),
    doc: { ...doc, text, title, titles, origin: file },
  })
}

/** The lesson of a text where the page has it already, else undefined. */
export function lessonAtHand(text: string): LessonView | null | undefined {
  return text === first.text ? first.lesson : undefined
}

/** What a lab that was left unchanged holds is no work of the person's. */
export function isFirst(text: string): boolean {
  return text === first.text
}
