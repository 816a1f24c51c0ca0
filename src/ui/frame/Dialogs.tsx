/** Dialogs, each loaded when first asked for. */
import { type ComponentType, lazy, Suspense } from 'react'
import { Boundary } from './Boundary.tsx'
import { type Dialog, useStore } from '../client/store.ts'

const dialogs: Record<Exclude<Dialog, null>, ComponentType> = {
  palette: lazy(() => import('../commands/Palette.tsx').then((m) => ({ default: m.Palette }))),
  help: lazy(() => import('../commands/Help.tsx').then((m) => ({ default: m.Help }))),
  explain: lazy(() => import('../dumps/DumpDialogs.tsx').then((m) => ({ default: m.DumpDialogs }))),
  library: lazy(() => import('../library/LibraryDialog.tsx').then((m) => ({ default: m.LibraryDialog }))),
}

export function Dialogs() {
  const open = useStore((state) => state.dialog)
  if (open === null) return null
  const Contents = dialogs[open]
  return (
    <Boundary key={open}>
      <Suspense fallback={null}>
        <Contents />
      </Suspense>
    </Boundary>
  )
}
