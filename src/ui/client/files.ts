/** Lab files of the person: new, open from disk, save to disk. */
import { session } from './client.ts'
import { openText } from './document.ts'
import { useStore } from './store.ts'

const EMPTY_LAB = 'name: lab\ntopology:\n  nodes: {}\n'

export async function openNew(): Promise<void> {
  if (await openText(EMPTY_LAB)) await letRun()
}

/** What is typed in a lab that was just opened moves at once. */
async function letRun(): Promise<void> {
  await session().setSpeed(useStore.getState().prefs.speed)
  await session().play()
}

/** Asks for a file and opens it. */
export function openFile(): Promise<void> {
  return new Promise((resolve) => {
    const input = document.createElement('input')
    input.type = 'file'
    input.accept = '.yaml,.yml'
    input.onchange = async () => {
      const file = input.files?.[0]
      if (file && (await openText(await file.text()))) await letRun()
      resolve()
    }
    input.oncancel = () => resolve()
    input.click()
  })
}

/** Gives the lab's text as a download. */
export function saveFile(): void {
  const { doc } = useStore.getState()
  const name = doc.title.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^-+|-+$/g, '') || 'lab'
  const url = URL.createObjectURL(new Blob([doc.text], { type: 'application/yaml' }))
  const link = document.createElement('a')
  link.href = url
  link.download = `${name}.yaml`
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
