/** What is loaded to look into a machine. */
import type { Parts } from './insideStore.ts'
import { growBox } from './railBoxes.ts'
import { Rails } from './Rails.tsx'
import { StationCard } from './StationCard.tsx'
import { followPacket } from './followPacket.ts'

followPacket()

export const inside: Parts = { grow: growBox, Rails, Card: StationCard }
