/** A fault in one panel stays in it: the network and its clock go on. */
import { Component, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'

export class Boundary extends Component<{ children: ReactNode }, { reason: string }> {
  override state = { reason: '' }

  static getDerivedStateFromError(error: unknown): { reason: string } {
    return { reason: String(error) }
  }

  override render(): ReactNode {
    const { reason } = this.state
    if (reason === '') return this.props.children
    return <Broken reason={reason} again={() => this.setState({ reason: '' })} />
  }
}

function Broken(props: { reason: string; again: () => void }) {
  const { t } = useTranslation('inspector')
  return (
    <div className="pad" role="alert">
      <p>{t('broken', { reason: props.reason })}</p>
      <button type="button" className="btn outlined" onClick={props.again}>
        {t('tryAgain')}
      </button>
    </div>
  )
}
