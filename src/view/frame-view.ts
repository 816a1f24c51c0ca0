/** A packet's bytes at one step, as a tree of fields; what the step before had there is kept beside what changed. */
import type { Packet } from '../net/types.ts'
import { ETH_P_802_2 } from '../net/types.ts'
import type { StepDetail } from '../net/trace.ts'
import type { ByteLayer } from '../wire/dissection.ts'
import { frameFields } from '../wire/fields.ts'
import { encodeFrame, encodeNetwork } from '../wire/frame.ts'
import type { FrameView } from './types.ts'

/** The bytes at `step`. `before`: the packet's step before, undefined for its first. */
export function frameView(step: StepDetail, before: StepDetail | undefined): FrameView {
  const { bytes, framed, layers } = opened(step.headers)
  const old = before === undefined ? undefined : valuesOf(opened(before.headers).layers)
  return {
    framed,
    bytes: [...bytes],
    layers: layers.map((layer, i) => ({
      ...layer,
      fields: layer.fields.map((field, k) => {
        const was = old?.get(fieldKey(layers, i, k))
        return was === undefined || was === field.value ? field : { ...field, before: was }
      }),
    })),
  }
}

/** Without Ethernet addresses it is not framed yet: the neighbour decides them. */
function opened(packet: Packet): { bytes: Uint8Array; framed: boolean; layers: ByteLayer[] } {
  const plain = packet.inner === null ? packet : { ...packet, inner: null }
  const framed = packet.smac !== 0 || packet.dmac !== 0 || packet.etherType === ETH_P_802_2
  const bytes = framed ? encodeFrame(plain) : encodeNetwork(plain)
  return { bytes, framed, layers: frameFields(bytes, framed, packet.etherType) }
}

function valuesOf(layers: readonly ByteLayer[]): Map<string, string> {
  const values = new Map<string, string>()
  layers.forEach((layer, i) => {
    layer.fields.forEach((field, k) => {
      values.set(fieldKey(layers, i, k), field.value)
    })
  })
  return values
}

/** The same field of two dissections: layer and field by name, and which of several of that name it is. */
function fieldKey(layers: readonly ByteLayer[], i: number, k: number): string {
  const layer = layers[i]!
  const field = layer.fields[k]!
  const nth = layers.slice(0, i).filter((one) => one.name === layer.name).length
  const mth = layer.fields.slice(0, k).filter((one) => one.name === field.name).length
  return `${layer.name}#${nth}/${field.name}#${mth}`
}
