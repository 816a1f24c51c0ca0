/** Beside a rule that kube-proxy wrote: the way back to its Service. */
import { ShipWheel } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { session } from '../client/client.ts'
import { notify, openDialog, useStore } from '../client/store.ts'
import './cluster.css'
import { showObject, useCluster } from './clusterStore.ts'
import { hasCluster } from './hasCluster.ts'

const OWN_CHAIN = /KUBE-(?:SVC|SVL|EXT|FW|SEP)-[A-Z2-7]{16}/
const NAMED = /--comment "?[^"]*?([a-z0-9-]+\/[a-z0-9-]+(?::[a-z0-9-]+)?)/

/** `text`: the rule as iptables-save has it. Nothing where no Service is behind it. */
export function RuleOrigin({ chain, text }: { chain: string; text: string }) {
  const { t } = useTranslation('cluster')
  const inCluster = useStore(hasCluster)
  const named = NAMED.exec(text)?.[1]
  if (!inCluster || (named === undefined && !OWN_CHAIN.test(`${chain} ${text}`))) return null
  const name = named === undefined ? t('ofService') : t('ofServiceNamed', { name: named })
  return (
    <button
      type="button"
      className="rule-origin"
      aria-label={name}
      title={name}
      onClick={() => void goBack(chain, text, t)}
    >
      <ShipWheel aria-hidden="true" />
    </button>
  )
}

async function goBack(
  chain: string,
  text: string,
  t: (key: string, args?: Record<string, unknown>) => string,
): Promise<void> {
  const origin = await session().ruleOrigin(chain, text)
  if (origin === null) {
    notify('info', t('noOrigin'))
    return
  }
  const { service, place } = origin
  openDialog(null)
  showObject(service)
  useCluster.setState({ portPlace: place })
}
