/** Where a part that is loaded later draws over the network (see ui/cluster). */
import type { ComponentType } from 'react'
import { create } from 'zustand'

export const useLayerSlot = create<{ Layer: ComponentType | null }>(() => ({ Layer: null }))
