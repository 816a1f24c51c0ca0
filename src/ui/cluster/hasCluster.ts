import type { UiState } from '../client/store.ts'

/** Whether the lab has a machine that is a node: the label's key stands in the text. */
export function hasCluster({ doc }: Pick<UiState, 'doc'>): boolean {
  return doc.text.includes('kubehop.dev/node')
}
