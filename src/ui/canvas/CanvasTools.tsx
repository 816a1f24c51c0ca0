import { Maximize, X, ZoomIn, ZoomOut } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { chooseTrace } from '../client/client.ts'
import { useStore } from '../client/store.ts'
import { IconButton } from '../frame/IconButton.tsx'

/** Zoom in the lower right corner; the chosen packet's name above, while one is chosen. */
export function CanvasTools() {
  const { t } = useTranslation('canvas')
  const trace = useStore((state) => state.chosenTraceView)
  return (
    <>
      {trace && (
        <div className="trail-note">
          <span title={trace.label}>{t('chosenTrace', { label: trace.label })}</span>
          <button type="button" className="btn" onClick={() => void chooseTrace(null)}>
            <X aria-hidden="true" />
            {t('clearTrace')}
          </button>
        </div>
      )}
      <div className="canvas-tools">
        <IconButton id="view.zoomOut" icon={ZoomOut} />
        <IconButton id="view.fit" icon={Maximize} />
        <IconButton id="view.zoomIn" icon={ZoomIn} />
      </div>
    </>
  )
}
