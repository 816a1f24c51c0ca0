/** The first moments: opens the last lab, or the library's first, and lets it run slowly. */
import { session } from './client.ts'
import { openText } from './document.ts'
import { lastDocument } from './saved.ts'
import { notify, useStore } from './store.ts'

export const FIRST_LAB = '1.1-two-namespaces.yaml'

export async function begin(): Promise<void> {
  const saved = await lastDocument()
  if (saved && (await openText(saved.text, saved.origin))) {
    await session().setSpeed(useStore.getState().prefs.speed)
    await session().play()
    return
  }
  await openFromLibrary(FIRST_LAB)
}

/** Opens a lab of the app's own library and plays it: its lesson's first commands run by themselves. */
export async function openFromLibrary(file: string): Promise<boolean> {
  let text: string
  try {
    const answer = await fetch(`./labs/${file}`)
    if (!answer.ok) throw new Error(`${answer.status} ${file}`)
    text = await answer.text()
  } catch (error) {
    useStore.setState({ status: 'ready' })
    notify('error', error instanceof Error ? error.message : String(error))
    return false
  }
  if (!(await openText(text, file))) return false
  await session().setSpeed(useStore.getState().prefs.speed)
  await session().play()
  return true
}
