/** The first moments: opens the last lab, or the library's first, and lets it run slowly. */
import { session } from './client.ts'
import { openText } from './document.ts'
import { FIRST_LAB, isFirst } from './first.ts'
import { notify, useStore } from './store.ts'

export async function begin(): Promise<void> {
  // The worker starts loading while storage is asked.
  session()
  const { lastDocument } = await import('./saved.ts')
  const saved = await lastDocument()
  const own = saved !== null && !isFirst(saved.text)
  if (own && (await openText(saved.text, saved.origin))) return play()
  if (await openText(FIRST_LAB.text, FIRST_LAB.file)) await play()
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
  await play()
  return true
}

async function play(): Promise<void> {
  await session().setSpeed(useStore.getState().prefs.speed)
  await session().play()
}
