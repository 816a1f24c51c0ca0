/** Actions of opening files, kept work and dropped files: small, loaded with the page. */
import { registerActions } from '../commands/actions.ts'
import { keepReplacedWork } from './kept.ts'
import { acceptDrops, pickFile } from './userFile.ts'

export function startLibrary(): () => void {
  const ends = [
    registerActions([
      { id: 'document.open', title: 'frame:openFile', group: 'document', keys: ['Mod+O'], run: pickFile },
    ]),
    keepReplacedWork(),
    acceptDrops(),
  ]
  return () => {
    for (const end of ends) end()
  }
}
