/** The player: what just happened in words, the time line, and the buttons that move time. */
import {
  ChevronFirst,
  ChevronLast,
  Pause,
  Play,
  SkipBack,
  SkipForward,
  StepBack,
  StepForward,
} from 'lucide-react'
import { useTranslation } from 'react-i18next'
import type { StepUnit } from '../../session/types.ts'
import { useStore } from '../client/store.ts'
import type { CursorUnit } from '../client/cursor.ts'
import { SPEED_COUNT } from '../client/speeds.ts'
import { setSpeed } from '../client/time.ts'
import { runAction } from '../commands/actions.ts'
import { keyText } from '../commands/keys.ts'
import { IconButton } from '../frame/IconButton.tsx'
import { Clock } from './Clock.tsx'
import { Invitation } from './Invitation.tsx'
import './player.css'
import { Scrubber } from './Scrubber.tsx'
import { SentenceBar } from './SentenceBar.tsx'

const UNITS: [StepUnit | CursorUnit, string][] = [
  ['step', 'unitStep'],
  ['rule', 'unitRule'],
  ['event', 'unitEvent'],
  ['hop', 'unitHop'],
  ['packet', 'unitPacket'],
]

export function Player() {
  const { t } = useTranslation('player')
  return (
    <section className="player" aria-label={t('player')}>
      <Invitation />
      <SentenceBar />
      <Scrubber />
      <div className="player-row">
        <IconButton id="time.home" icon={ChevronFirst} className="wide-only" />
        <IconButton id="time.packetBack" icon={SkipBack} className="wide-only" />
        <IconButton id="time.back" icon={StepBack} />
        <PlayButton />
        <IconButton id="time.forward" icon={StepForward} />
        <IconButton id="time.packetForward" icon={SkipForward} className="wide-only" />
        <IconButton id="time.end" icon={ChevronLast} className="wide-only" />
        <UnitSelect />
        <Clock />
        <SpeedSelect />
      </div>
    </section>
  )
}

function PlayButton() {
  const { t } = useTranslation('player')
  const running = useStore((state) => state.clock?.running ?? false)
  const ready = useStore((state) => state.clock !== null && !state.clock.frozen)
  const name = t(running ? 'pause' : 'play')
  const Icon = running ? Pause : Play
  return (
    <button
      type="button"
      className="btn icon strong play"
      title={`${name} (${keyText('Space')})`}
      aria-label={name}
      disabled={!ready}
      onClick={() => runAction('time.play')}
    >
      <Icon aria-hidden="true" />
    </button>
  )
}

function UnitSelect() {
  const { t } = useTranslation('player')
  const unit = useStore((state) => state.stepUnit)
  return (
    <label className="field">
      <span aria-hidden="true">{t('stepBy')}</span>
      <select
        className="select"
        aria-label={t('stepBy')}
        value={unit}
        onChange={(event) => useStore.setState({ stepUnit: event.target.value as StepUnit | CursorUnit })}
      >
        {UNITS.map(([id, title]) => (
          <option key={id} value={id}>
            {t(title)}
          </option>
        ))}
      </select>
    </label>
  )
}

function SpeedSelect() {
  const { t } = useTranslation('player')
  const speed = useStore((state) => state.prefs.speed)
  return (
    <label className="field">
      <span className="sr-only">{t('speed')}</span>
      <select
        className="select"
        title={t('speed')}
        value={speed}
        onChange={(event) => void setSpeed(Number(event.target.value))}
      >
        {Array.from({ length: SPEED_COUNT }, (_, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a speed is its index
          <option key={i} value={i}>
            {t(`speed${i}`)}
          </option>
        ))}
      </select>
    </label>
  )
}
