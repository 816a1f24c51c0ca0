import { Component, type ReactNode } from 'react'
import { withTranslation, type WithTranslation } from 'react-i18next'

interface Props extends WithTranslation {
  children: ReactNode
}

/** A part of the page that fails says so in its own place; the rest of the page goes on. */
class PartBoundary extends Component<Props, { failure: string | null }> {
  override state = { failure: null }

  static getDerivedStateFromError(error: unknown) {
    return { failure: error instanceof Error ? error.message : String(error) }
  }

  override render() {
    if (this.state.failure === null) return this.props.children
    const { t } = this.props
    return (
      <div className="pad" role="alert">
        <p>{t('partFailed')}</p>
        <p className="mono quiet">{this.state.failure}</p>
        <button type="button" className="btn outlined" onClick={() => this.setState({ failure: null })}>
          {t('tryAgain')}
        </button>
      </div>
    )
  }
}

export const Boundary = withTranslation()(PartBoundary)
