/** A cluster with an object of nearly every kind, for both kubectls to look at, and the manifests that they apply. */

export const LAB = `name: three
topology:
  nodes:
    controlplane:
      labels: {kubehop.dev/node: control-plane}
      exec: [ip addr add 192.168.1.11/24 dev eth0, ip route add default via 192.168.1.1, ip route add 10.244.1.0/24 via 192.168.1.12, ip route add 10.244.2.0/24 via 192.168.1.13, sysctl -w net.ipv4.ip_forward=1]
    node01:
      labels: {kubehop.dev/node: worker}
      exec: [ip addr add 192.168.1.12/24 dev eth0, ip route add default via 192.168.1.1, ip route add 10.244.0.0/24 via 192.168.1.11, ip route add 10.244.2.0/24 via 192.168.1.13, sysctl -w net.ipv4.ip_forward=1]
    node02:
      labels: {kubehop.dev/node: worker}
      exec: [ip addr add 192.168.1.13/24 dev eth0, ip route add default via 192.168.1.1, ip route add 10.244.0.0/24 via 192.168.1.11, ip route add 10.244.1.0/24 via 192.168.1.12, sysctl -w net.ipv4.ip_forward=1]
    lan: {kind: bridge}
    router:
      exec: [ip addr add 192.168.1.1/24 dev eth0]
  links:
    - endpoints: ["controlplane:eth0", "lan:a"]
    - endpoints: ["node01:eth0", "lan:b"]
    - endpoints: ["node02:eth0", "lan:c"]
    - endpoints: ["router:eth0", "lan:d"]
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
networking: {podSubnet: 10.244.0.0/16}
---
cniVersion: 1.0.0
name: cbr0
plugins:
  - type: bridge
    bridge: cni0
    isGateway: true
    ipMasq: true
    ipam: {type: host-local, ranges: [[{subnet: "{{.PodCIDR}}"}]]}
---
apiVersion: v1
kind: Namespace
metadata: {name: team, labels: {owner: blue}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {app: web}}
data:
  color: blue
  long: "a line that goes on and on and on and on until it is more than eighty characters wide, and then a little"
  page.html: |
    <html>
      hello
    </html>
  empty: ""
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
type: Opaque
stringData: {user: admin, password: "s3cret!"}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot}
---
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 80}, {name: alt, port: 8080, targetPort: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web-np, annotations: {note: "two words", more: "x"}}
spec: {type: NodePort, externalTrafficPolicy: Local, selector: {app: web}, ports: [{port: 80, nodePort: 30080}], externalIPs: [192.0.2.7]}
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: None, selector: {app: db}, ports: [{port: 6379}]}
---
apiVersion: v1
kind: Service
metadata: {name: lb}
spec: {type: LoadBalancer, selector: {app: none}, sessionAffinity: ClientIP, loadBalancerSourceRanges: [10.0.0.0/8], ports: [{name: tls, port: 443, targetPort: https, protocol: TCP}, {name: dns, port: 53, protocol: UDP}]}
---
apiVersion: v1
kind: Service
metadata: {name: far}
spec: {type: ExternalName, externalName: far.example.com}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}, annotations: {kubernetes.io/change-cause: first}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {who: me}}
    spec:
      nodeSelector: {kubernetes.io/os: linux}
      containers:
        - name: web
          image: nginx
          ports: [{name: http, containerPort: 80}]
          env:
            - {name: A, value: b}
            - {name: COLOR, valueFrom: {configMapKeyRef: {name: settings, key: color}}}
            - {name: PW, valueFrom: {secretKeyRef: {name: keys, key: password, optional: true}}}
            - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
          envFrom: [{configMapRef: {name: settings}}]
          resources: {limits: {cpu: 500m, memory: 128Mi}, requests: {cpu: 100m}}
          readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 5}
          livenessProbe: {tcpSocket: {port: 80}, initialDelaySeconds: 3}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: redis, image: redis, ports: [{containerPort: 6379}]}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      tolerations: [{operator: Exists}]
      containers: [{name: agent, image: busybox, command: [sleep, "100000"]}]
---
apiVersion: v1
kind: Pod
metadata: {name: two, labels: {app: two, tier: front}}
spec:
  terminationGracePeriodSeconds: 0
  nodeName: node01
  hostAliases: [{ip: 10.9.9.9, hostnames: [a.example, b.example]}]
  volumes:
    - {name: conf, configMap: {name: settings}}
    - {name: tmp, emptyDir: {}}
  initContainers:
    - {name: prepare, image: busybox, command: [sh, -c, 'echo prepared']}
  containers:
    - name: one
      image: busybox
      command: [sh, -c, 'for i in 1 2 3 4 5; do echo line $i; done; sleep 100000']
      volumeMounts: [{name: conf, mountPath: /etc/conf, readOnly: true}, {name: tmp, mountPath: /scratch}]
    - name: other
      image: busybox
      args: [sh, -c, 'echo from other; sleep 100000']
---
apiVersion: v1
kind: Pod
metadata: {name: ticker, labels: {app: ticker}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: t, image: busybox, command: [sh, -c, 'i=0; while true; do i=$((i+1)); echo tick $i; sleep 30; done']}]
---
apiVersion: v1
kind: Pod
metadata: {name: ended}
spec:
  restartPolicy: Never
  containers: [{name: e, image: busybox, command: [sh, -c, 'echo bye; exit 3']}]
---
apiVersion: v1
kind: Pod
metadata: {name: crash}
spec:
  containers: [{name: c, image: busybox, command: [sh, -c, 'echo crashing; exit 1']}]
---
apiVersion: v1
kind: Pod
metadata: {name: noimage}
spec:
  containers: [{name: c, image: registry.example/none:1}]
---
apiVersion: v1
kind: Pod
metadata: {name: big}
spec:
  containers: [{name: c, image: busybox, resources: {requests: {cpu: 200}}}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front}
spec:
  ingressClassName: nginx
  tls: [{hosts: [a.example], secretName: keys}]
  rules:
    - host: a.example
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
    - http: {paths: [{path: /x, pathType: Exact, backend: {service: {name: none, port: {name: http}}}}]}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
spec: {controller: k8s.io/ingress-nginx}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: policy}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}
        - namespaceSelector: {matchLabels: {x: "y"}}
          podSelector: {matchLabels: {z: w}}
      ports: [{port: 80, protocol: TCP}, {port: 90, endPort: 99}]
    - {}
  egress: []
`

/** Files that both find in their current folder. */
export const FILES: Readonly<Record<string, string>> = {
  'app.yaml': `apiVersion: v1
kind: ConfigMap
metadata: {name: fresh, labels: {made: here}}
data: {a: "1", b: "two\\nlines\\n"}
---
apiVersion: v1
kind: Service
metadata: {name: fresh, labels: {made: here}}
spec: {selector: {app: fresh}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: fresh, labels: {made: here}}
spec:
  replicas: 2
  selector: {matchLabels: {app: fresh}}
  template:
    metadata: {labels: {app: fresh}}
    spec: {terminationGracePeriodSeconds: 0, containers: [{name: fresh, image: nginx}]}
`,
  'app2.yaml': `apiVersion: v1
kind: ConfigMap
metadata: {name: fresh, labels: {made: here}}
data: {a: "2", c: new}
---
apiVersion: v1
kind: Service
metadata: {name: fresh, labels: {made: here}}
spec: {selector: {app: fresh}, ports: [{port: 81, targetPort: 8080}]}
`,
  'bad.yaml': `apiVersion: v1
kind: Service
metadata: {name: Bad_Name}
spec: {ports: [{port: 0}, {port: 70000}]}
`,
  'unknown.yaml': `apiVersion: v1
kind: ConfigMap
metadata: {name: unk}
dta: {a: b}
`,
  'nokind.yaml': `apiVersion: v1
kind: Foo
metadata: {name: x}
`,
  'oldapi.yaml': `apiVersion: extensions/v1beta1
kind: Deployment
metadata: {name: x}
`,
  'broken.yaml': `apiVersion: v1
kind: ConfigMap
 metadata: {name: x
`,
  'typed.json': `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"typed"},"data":{"k":5}}
`,
  'patch.yaml': `data: {patched: "yes"}
`,
}
