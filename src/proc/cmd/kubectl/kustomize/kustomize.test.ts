// What `kubectl kustomize` 1.32 (kustomize 5.5) made of the same folders, as JSON.
import { expect, it } from 'vitest'
import type { Json } from '../../../../kube/types.ts'
import type { Folder } from './build.ts'
import { buildFolder } from './build.ts'
import { isWrong } from './resource.ts'

const DEPLOYMENT = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    template: {
      spec: {
        containers: [
          { name: 'web', image: 'nginx:1.7', envFrom: [{ configMapRef: { name: 'envs' } }] },
          { name: 'side', image: 'reg.example:5000/side' },
        ],
      },
    },
  },
}
const BASE = {
  resources: ['deploy.json'],
  configMapGenerator: [{ name: 'envs', envs: ['app.properties'] }],
  secretGenerator: [{ name: 'sec', literals: ['p=x'] }],
}

function build(files: Readonly<Record<string, unknown>>, at: string): Json[] {
  const texts = new Map(
    Object.entries(files).map(([path, held]) => [
      path,
      typeof held === 'string' ? held : JSON.stringify(held),
    ]),
  )
  const folder: Folder = {
    read: (path) => texts.get(path),
    isDir: (path) => [...texts.keys()].some((one) => one.startsWith(`${path}/`)),
    parse: (text) => ({ docs: [JSON.parse(text) as Json], error: '' }),
    warn: () => {},
  }
  try {
    return buildFolder(folder, at)
  } catch (thrown) {
    return isWrong(thrown) ? [thrown.wrong] : [String(thrown)]
  }
}

const names = (objects: readonly Json[]) =>
  objects.map((one) => (one as { kind: string; metadata: { name: string } }).metadata.name)

const files = {
  '/base/kustomization.yaml': BASE,
  '/base/deploy.json': DEPLOYMENT,
  '/base/app.properties': 'x=1\n# c\ny=2\n',
}

it('puts the hash of what they hold behind the names of generated objects, and these into whoever names them', () => {
  const built = build(files, '/base')
  expect(names(built)).toEqual(['envs-gc87g97b68', 'sec-bm76c6cd96', 'web'])
  expect(JSON.stringify(built[2])).toContain('"configMapRef":{"name":"envs-gc87g97b68"}')
})

it('hashes without prefixes, which are there before', () => {
  const over = {
    resources: ['../base'],
    namePrefix: 'p-',
    nameSuffix: '-s',
    images: [{ name: 'nginx', newTag: '2' }],
  }
  const built = build({ ...files, '/over/kustomization.yaml': over }, '/over')
  expect(names(built)).toEqual(['p-envs-s-gc87g97b68', 'p-sec-s-bm76c6cd96', 'p-web-s'])
  expect(JSON.stringify(built[2])).toContain(
    '"image":"nginx:2","envFrom":[{"configMapRef":{"name":"p-envs-s-gc87g97b68"',
  )
})

it("puts a patch's items before those that it does not speak of", () => {
  const containers = [{ name: 'new1' }, { name: 'side', args: ['z'] }, { name: 'new2' }]
  const patch = { ...DEPLOYMENT, spec: { template: { spec: { containers } } } }
  const over = { resources: ['../base'], patches: [{ patch: JSON.stringify(patch) }] }
  const [, , web] = build({ ...files, '/over/kustomization.yaml': over }, '/over')
  const made = (web as typeof DEPLOYMENT).spec.template.spec.containers
  expect(made.map(({ name }) => name)).toEqual(['new1', 'side', 'new2', 'web'])
})

it('tells a field that it does not know, and a patch that fits nothing', () => {
  expect(build({ '/a/kustomization.yaml': { resorces: [] } }, '/a')).toEqual([
    'invalid Kustomization: json: unknown field "resorces"',
  ])
  const patch = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'missing' } }
  const over = { resources: ['../base'], patches: [{ patch: JSON.stringify(patch) }] }
  const id = 'Service.v1.[noGrp]/missing.[noNs]'
  expect(build({ ...files, '/over/kustomization.yaml': over }, '/over')).toEqual([
    `no resource matches strategic merge patch "${id}": no matches for Id ${id}; failed to find unique target for patch ${id}`,
  ])
})
