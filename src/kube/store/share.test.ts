import { expect, it } from 'vitest'
import { deepFreeze } from '../types.ts'
import { shareParts } from './share.ts'

const model = deepFreeze({
  metadata: { name: 'a', labels: { app: 'web', tier: 'x' } },
  spec: { containers: [{ name: 'c', resources: {} }], tolerations: [{ key: 'k' }, { key: 'l' }] },
})

it('takes the parts that are equal from the model, and leaves the value what it was', () => {
  const made = {
    metadata: { name: 'b', labels: { app: 'web', tier: 'x' } },
    spec: {
      containers: [{ name: 'd', resources: {} }],
      tolerations: [{ key: 'k' }, { key: 'l' }],
      hostname: 'h',
    },
  }
  const before = structuredClone(made)
  expect(shareParts(made, model)).toBe(made)
  expect(made).toEqual(before)
  expect(made.metadata.labels).toBe(model.metadata.labels)
  expect(made.spec.tolerations).toBe(model.spec.tolerations)
  expect(made.spec.containers).not.toBe(model.spec.containers)
  expect(made.spec.containers[0]!.resources).toBe(model.spec.containers[0]!.resources)
})

it('answers the model where all is equal, but not where only the order of keys differs or an item is missing', () => {
  expect(shareParts({ app: 'web', tier: 'x' }, model.metadata.labels)).toBe(model.metadata.labels)
  const turned = { tier: 'x', app: 'web' }
  expect(shareParts(turned, model.metadata.labels)).toBe(turned)
  const short = [{ key: 'k' }]
  expect(shareParts(short, model.spec.tolerations)).toBe(short)
  expect(short[0]).toBe(model.spec.tolerations[0])
  expect(shareParts({ length: 0 }, [])).not.toBe(model)
  expect(shareParts(null, model)).toBe(null)
})

it('changes no frozen record, and no prototype', () => {
  const fixed = Object.freeze({ labels: { app: 'web', tier: 'x' }, name: 'b' })
  const { labels } = fixed
  shareParts(fixed, model.metadata)
  expect(fixed.labels).toBe(labels)
  const odd = JSON.parse('{"__proto__": {"a": 1}}') as object
  shareParts(odd, deepFreeze(JSON.parse('{"__proto__": {"a": 1}, "b": 2}')))
  expect(Object.getPrototypeOf(odd)).toBe(Object.prototype)
  expect(JSON.stringify(odd)).toBe('{"__proto__":{"a":1}}')
})
