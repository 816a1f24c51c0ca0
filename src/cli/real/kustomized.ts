/** Folders with kustomizations, for both kubectls to build. */

export const KUSTOMIZED: Readonly<Record<string, string>> = {
  'app/app.yaml': `apiVersion: v1
kind: Service
metadata: {name: fresh}
spec: {selector: {app: fresh}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: fresh}
spec:
  replicas: 2
  selector: {matchLabels: {app: fresh}}
  template:
    metadata: {labels: {app: fresh}}
    spec: {containers: [{name: fresh, image: nginx, envFrom: [{configMapRef: {name: fresh-conf}}]}]}
`,
  'app/kustomization.yaml': `resources: [app.yaml]
namePrefix: k-
configMapGenerator: [{name: fresh-conf, literals: [a=b]}]
images: [{name: nginx, newTag: "1.27"}]
replicas: [{name: fresh, count: 1}]
`,
  'bad1/kustomization.yaml': `configMapGenerator: [{name: a, files: [nofile]}]
`,
  'bad2/kustomization.yaml': `configMapGenerator: [{name: a, literals: [novalue]}]
`,
  'bad3/kustomization.yaml': `resources: [../base]
replicas: [{name: nope, count: 1}]
`,
  'bad4/kustomization.yaml': `resources: [../base]
configMapGenerator: [{name: nope, behavior: merge, literals: [a=b]}]
`,
  'bad5/kustomization.yaml': ``,
  'bad6/kustomization.yaml': `resources: [../base/deploy.yaml]
`,
  'bad7/d.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {x: z}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx:1.7
        envFrom: [{configMapRef: {name: envs}}, {secretRef: {name: sec}}]
        env: [{name: A, valueFrom: {configMapKeyRef: {name: conf, key: a}}}]
      - {name: side, image: "reg.example:5000/side"}
      volumes: [{name: v, configMap: {name: conf}}, {name: s, secret: {secretName: sec}}]
      serviceAccountName: robot
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot}
`,
  'bad7/kustomization.yaml': `resources: [d.yaml]
patches: [{path: nofile.yaml}]
`,
  'bad8/d.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {x: z}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx:1.7
        envFrom: [{configMapRef: {name: envs}}, {secretRef: {name: sec}}]
        env: [{name: A, valueFrom: {configMapKeyRef: {name: conf, key: a}}}]
      - {name: side, image: "reg.example:5000/side"}
      volumes: [{name: v, configMap: {name: conf}}, {name: s, secret: {secretName: sec}}]
      serviceAccountName: robot
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot}
`,
  'bad8/kustomization.yaml': `resources: [d.yaml]
patches: [{patch: '[{"op":"add","path":"/a","value":1}]'}]
`,
  'bad9/kustomization.yaml': `resources: [../base]
configMapGenerator: [{name: conf, literals: [a=b]}]
`,
  'base/app.properties': `x=1
# c
y=2
`,
  'base/deploy.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {x: z}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx:1.7
        envFrom: [{configMapRef: {name: envs}}, {secretRef: {name: sec}}]
        env: [{name: A, valueFrom: {configMapKeyRef: {name: conf, key: a}}}]
      - {name: side, image: "reg.example:5000/side"}
      volumes: [{name: v, configMap: {name: conf}}, {name: s, secret: {secretName: sec}}]
      serviceAccountName: robot
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot}
`,
  'base/kustomization.yaml': `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [deploy.yaml, service.yaml, ns.yaml]
configMapGenerator:
- name: conf
  literals: [a=1, b=two words]
  files: [app.properties, renamed=app.properties]
- name: envs
  envs: [app.properties]
secretGenerator:
- name: sec
  literals: [p=x]
generatorOptions:
  labels: {gen: "yes"}
`,
  'base/ns.yaml': `apiVersion: v1
kind: Namespace
metadata: {name: team}
`,
  'base/service.yaml': `apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front}
spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
`,
  'e1/kustomization.yaml': `resources: [nope.yaml]
`,
  'e2/kustomization.yaml': `resources: []
`,
  'e3/kustomization.yaml': `resorces: [a]
`,
  'e4/app.properties': `x=1
# c
y=2
`,
  'e4/kustomization.yaml': `configMapGenerator:
- name: a
  literals: [x=1]
  options: {disableNameSuffixHash: true, labels: {q: w}, annotations: {z: v}, immutable: true}
- name: im
  literals: [x=1]
  options: {immutable: true}
- name: im2
  literals: ['q="quoted"', "s='one'", "e=", "f=a=b"]
secretGenerator:
- name: tls
  type: kubernetes.io/tls
  files: [tls.crt=app.properties, tls.key=app.properties]
- name: sss
  namespace: team
  literals: [a=é]
generatorOptions: {disableNameSuffixHash: false}
`,
  'e5/kustomization.yaml': `resources: [../base]
patchesStrategicMerge: [p.yaml]
patchesJson6902:
- target: {version: v1, kind: Service, name: web}
  patch: '[{"op": "add", "path": "/metadata/labels", "value": {"j": "6902"}}]'
bases: []
`,
  'e5/p.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
      - {name: side, $patch: delete}
      - {name: web, args: [x]}
`,
  'e6/kustomization.yaml': `resources: [../base, ../base]
`,
  'e7/kustomization.yaml': `resources: [../base]
patches:
- target: {kind: Nope}
  patch: |-
    - {op: add, path: /a, value: 1}
- patch: |-
    apiVersion: v1
    kind: Service
    metadata: {name: missing}
`,
  'e8/kustomization.yaml': `resources: [../base]
patches:
- target: {kind: Service}
  patch: |-
    - {op: replace, path: /spec/nothing/x, value: 1}
`,
  'f1/d.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {x: z}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx:1.7
        envFrom: [{configMapRef: {name: envs}}, {secretRef: {name: sec}}]
        env: [{name: A, valueFrom: {configMapKeyRef: {name: conf, key: a}}}]
      - {name: side, image: "reg.example:5000/side"}
      volumes: [{name: v, configMap: {name: conf}}, {name: s, secret: {secretName: sec}}]
      serviceAccountName: robot
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot}
`,
  'f1/kustomization.yaml': `resources: [d.yaml]
patches:
- patch: |-
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web, labels: {x: null, n: w}}
    spec:
      template:
        spec:
          containers:
          - {name: new1, image: a}
          - {name: side, args: [z], env: [{name: Q, value: q}]}
          - {name: new2, image: b}
          - {name: web, env: [{name: Z, value: z}, {name: A, value: zz, valueFrom: null}], ports: [{containerPort: 80}]}
          volumes: [{name: v, $patch: delete}, {name: t, emptyDir: {}}]
          tolerations: [{key: a}]
          nodeSelector: {$patch: replace, a: b}
`,
  'more/kustomization.yaml': `resources: [../base]
namePrefix: a-
configMapGenerator:
- {name: conf, behavior: replace, literals: [only=1]}
images:
- {name: nginx, newName: other, newTag: "3"}
- {name: reg.example:5000/side, digest: "sha256:abc"}
labels: [{pairs: {t: u}, includeSelectors: true}]
sortOptions: {order: fifo}
`,
  'over/kustomization.yaml': `resources: [../base]
namespace: prod
namePrefix: p-
nameSuffix: -s
commonLabels: {env: prod}
commonAnnotations: {note: hi}
labels:
- pairs: {l: "1"}
- pairs: {m: "2"}
  includeTemplates: true
- pairs: {nn: "3"}
  includeSelectors: true
images:
- {name: nginx, newTag: "2.0"}
- {name: "reg.example:5000/side", newName: other/side, digest: "sha256:24a0c4b4a4c0eb97a1aabb8e29f18e917d05abfe1b7a7c07857230879ce7d3d3"}
replicas: [{name: web, count: 4}]
configMapGenerator:
- name: conf
  behavior: merge
  literals: [b=three, c=4]
patches:
- path: p.yaml
- target: {kind: Service}
  patch: |-
    - op: replace
      path: /spec/ports/0/port
      value: 81
- target: {kind: Deployment, name: w.*}
  patch: |-
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: any}
    spec: {paused: true}
`,
  'over/p.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
      - {name: side, $patch: delete}
      - {name: web, args: [x]}
`,
  'two/kustomization.yaml': `resources: [../over, ../more]
nameSuffix: -z
secretGenerator: [{name: lone, literals: ["k='v'"], options: {disableNameSuffixHash: true}}]
`,
}
