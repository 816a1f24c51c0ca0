/** Remembered panel sizes: one layout per set of panels that are shown. */
import type { Layout } from 'react-resizable-panels'

export function rememberedLayout(group: string, ...shown: boolean[]): { defaultLayout?: Layout } {
  try {
    const saved = localStorage.getItem(key(group, shown))
    return saved ? { defaultLayout: JSON.parse(saved) as Layout } : {}
  } catch {
    return {}
  }
}

export function rememberLayout(group: string, ...shown: boolean[]) {
  return (layout: Layout, meta: { isUserInteraction: boolean }): void => {
    if (!meta.isUserInteraction) return
    try {
      localStorage.setItem(key(group, shown), JSON.stringify(layout))
    } catch {
      // Not remembered where storage is refused.
    }
  }
}

function key(group: string, shown: boolean[]): string {
  return `kubehop.layout.${group}.${shown.map(Number).join('')}`
}
