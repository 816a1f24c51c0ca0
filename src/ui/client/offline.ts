/** The built page keeps itself in the browser: after the first visit it opens without a network. */
import i18next from 'i18next'
import { notify } from './store.ts'

/** A newer version that was fetched during the last visit takes its place before anything is drawn. */
export async function renewKept(): Promise<void> {
  const workers = navigator.serviceWorker as ServiceWorkerContainer | undefined
  const waiting = (await workers?.getRegistration())?.waiting
  if (!workers || !waiting) return
  workers.addEventListener('controllerchange', () => location.reload(), { once: true })
  waiting.postMessage({ type: 'SKIP_WAITING' })
}

/** Keeps the page's files in the browser; says so when a newer version has been fetched. */
export async function keepOffline(): Promise<void> {
  const workers = navigator.serviceWorker as ServiceWorkerContainer | undefined
  if (!import.meta.env.PROD || !workers) return
  try {
    const registration = await workers.register('./sw.js')
    registration.addEventListener('updatefound', () => {
      const fresh = registration.installing
      fresh?.addEventListener('statechange', () => {
        if (fresh.state === 'installed' && workers.controller) notify('info', i18next.t('frame:newVersion'))
      })
    })
  } catch {
    // Private windows may refuse: the page works with a network.
  }
}
