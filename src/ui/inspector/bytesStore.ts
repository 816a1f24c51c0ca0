/** Which step of the chosen packet the bytes are shown of; and the branch in which its drop was set aside. */
import { create } from 'zustand'
import type { PermitResult } from '../../session/types.ts'
import { session } from '../client/client.ts'
import { useStore } from '../client/store.ts'

export const useBytes = create<{ at: { trace: number; event: number; nth: number } | null }>(() => ({
  at: null,
}))

/** `of`: the trace that was dropped. */
export const useBranch = create<{ of: number; branch: PermitResult | null; asking: boolean }>(() => ({
  of: 0,
  branch: null,
  asking: false,
}))

/** Asks what the dropped packet would do; the branch stays until another packet is chosen or time moves. */
export async function letThrough(trace: number): Promise<void> {
  useBranch.setState({ of: trace, branch: null, asking: true })
  const branch = await session().permit(trace)
  if (useBranch.getState().of === trace) useBranch.setState({ branch, asking: false })
}

export function endBranch(): void {
  useBranch.setState({ of: 0, branch: null, asking: false })
}

/** A branch belongs to its packet. Answers how to stop. */
export function followBranch(): () => void {
  return useStore.subscribe((state, before) => {
    if (state.chosenTrace !== before.chosenTrace && useBranch.getState().of !== 0) endBranch()
  })
}
