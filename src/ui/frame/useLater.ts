import { type ComponentType, useEffect, useState } from 'react'

/**
 * A part whose script is loaded once it is `wanted`; null before that, and a failure to load is thrown to the part's
 * boundary. (React's own `lazy` holds back what was suspended for 300 ms: too long for the first picture.)
 */
export function useLater(load: () => Promise<ComponentType>, wanted: boolean): ComponentType | null {
  const [part, setPart] = useState<{ Part: ComponentType } | { failure: unknown } | null>(null)
  useEffect(() => {
    if (!wanted) return
    let stays = true
    load().then(
      (Part) => stays && setPart({ Part }),
      (failure: unknown) => stays && setPart({ failure }),
    )
    return () => {
      stays = false
    }
  }, [load, wanted])
  if (part && 'failure' in part) throw part.failure
  return part?.Part ?? null
}
