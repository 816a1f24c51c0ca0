/** The first moments: opens the last lab, or the library's first, and lets it run slowly. */
import { session } from './client.ts'
import { openText } from './document.ts'
import { lastDocument } from './saved.ts'
import { notify, useStore } from './store.ts'

export const FIRST_LAB = '1.1-two-namespaces.yaml'
/** What the newcomer's first lab does at once, where its text starts nothing itself. */
const FIRST_COMMAND = 'ping 20.1.1.2'

export async function begin(): Promise<void> {
  const saved = await lastDocument()
  if (saved && (await openText(saved.text, saved.origin))) {
    await session().setSpeed(useStore.getState().prefs.speed)
    return
  }
  await openFromLibrary(FIRST_LAB, FIRST_COMMAND)
}

/** Opens a lab of the app's own library and plays it; `command` is typed in the first named room's terminal. */
export async function openFromLibrary(file: string, command = ''): Promise<boolean> {
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
  if (command !== '') await typeInFirstRoom(command)
  await session().play()
  return true
}

async function typeInFirstRoom(command: string): Promise<void> {
  const scene = await session().scene()
  const rooms = scene.machines.flatMap((machine) => machine.rooms)
  const room = rooms.find((one) => one.name !== '') ?? rooms[0]
  if (!room) return
  const tty = await session().openTerminal(room.id)
  useStore.setState({ terminals: await session().terminals(), activeTty: tty })
  await session().type(tty, `${command}\r`)
}
