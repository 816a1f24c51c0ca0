import { useEffect, useState } from 'react'
import { useStore } from '../client/store.ts'

/** Panels load their scripts once the network has been painted; without a network they wait a while. */
const PATIENCE_MS = 4000
const AFTER_PAINT_MS = 250

/** True once the canvas has had its turn. */
export function useAwake(): boolean {
  const drawn = useStore((state) => state.scene.order.length > 0)
  const [awake, setAwake] = useState(false)
  useEffect(() => {
    if (awake) return
    const wake = setTimeout(() => setAwake(true), drawn ? AFTER_PAINT_MS : PATIENCE_MS)
    return () => clearTimeout(wake)
  }, [drawn, awake])
  return awake
}
