/** Where a part that is loaded later draws over the network (see ui/cluster), and what it covers there. */
import type { ComponentType } from 'react'
import { create } from 'zustand'
import type { Text } from './labels.ts'

interface LayerSlot {
  Layer: ComponentType | null
  /** What stands above a machine, from its left edge: its size at zoom 1. */
  heads: Record<string, { w: number; h: number }>
  /** How much larger than the drawing heads are at a zoom. */
  upOf: (zoom: number) => number
  /** Texts of the layer, in the drawing's coordinates: no label may cover them. */
  texts: readonly Text[]
}

export const NO_TEXTS: readonly Text[] = []

export const useLayerSlot = create<LayerSlot>(() => ({
  Layer: null,
  heads: {},
  upOf: () => 1,
  texts: NO_TEXTS,
}))
