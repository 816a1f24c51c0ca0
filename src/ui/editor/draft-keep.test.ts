import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { useStore } from '../client/store.ts'
import { keepDraft, setDraft, useDraft } from './draft.ts'

/** What the page asks of the browser here. */
const kept = new Map<string, string>()
let leave = () => {}

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, text: string) => kept.set(key, text),
    removeItem: (key: string) => kept.delete(key),
  })
  vi.stubGlobal('addEventListener', (name: string, listener: () => void) => {
    if (name === 'pagehide') leave = listener
  })
  open('')
  useStore.setState({ status: 'starting', notices: [] })
})

afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

function open(text: string): void {
  const { doc } = useStore.getState()
  useDraft.setState({ text: null, base: '' })
  useStore.setState({ status: 'ready', doc: { ...doc, text } })
}

/** The page comes anew and opens a lab. */
function reload(text: string): string | null {
  useStore.setState({ status: 'starting' })
  useDraft.setState({ text: null, base: '' })
  keepDraft()
  open(text)
  vi.advanceTimersByTime(10)
  return useDraft.getState().text
}

it('a text that is not applied comes back to its own lab, once it is open, and is told of', () => {
  reload('name: a\n')
  setDraft('name: a\nx: [\n')
  leave()
  expect(reload('name: a\n')).toBe('name: a\nx: [\n')
  expect(useStore.getState().notices).toHaveLength(1)
})

it('it does not come to another lab, nor after it was discarded', () => {
  reload('name: a\n')
  setDraft('name: b\n')
  leave()
  expect(reload('name: c\n')).toBeNull()
  reload('name: a\n')
  setDraft('name: b\n')
  setDraft(null)
  leave()
  expect(reload('name: a\n')).toBeNull()
})

it('it is not forgotten by leaving before the lab is open', () => {
  reload('name: a\n')
  setDraft('name: b\n')
  leave()
  useStore.setState({ status: 'starting' })
  useDraft.setState({ text: null, base: '' })
  keepDraft()
  leave()
  expect(reload('name: a\n')).toBe('name: b\n')
})
