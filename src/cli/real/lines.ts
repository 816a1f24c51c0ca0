/** What both kubectls are asked, in this order: the world goes on as the real one left it. */
import { BUILT, CONFIG, FILES_OVER, ODD, PRUNED, TYPED, WATCHED } from './more-lines.ts'

/** A string is a line that needs no time to pass. */
export type Line =
  | string
  | {
      readonly line: string
      /** Virtual seconds in a second while the real one runs; 0 by default. */
      readonly speed?: number
      /** Nobody waits for its end: it is stopped after so many virtual seconds. */
      readonly stopAfter?: number
      /** A line of a shell on the control plane that runs beside it, in both worlds. */
      readonly beside?: string
      /** What `edit` runs with the file's path behind it. */
      readonly editor?: string
      /** Standard input. */
      readonly input?: string
      /** Both use this configuration instead of the one that leads to the lab. */
      readonly config?: string
      /** What the own one writes stays: its line is typed in the world itself. Goes with `config`. */
      readonly keep?: boolean
      /** The real one prints these lines in another order each time. */
      readonly anyOrder?: boolean
      /** Virtual seconds that pass before. */
      readonly after?: number
    }
  /** Virtual seconds that pass before what follows. */
  | { readonly settle: number }

const loose = (line: string, speed = 0): Line => ({ line, speed, anyOrder: true })
/** What the controllers do at once is done before: ours takes a few milliseconds until its first question. */
const waits = (line: string, speed = 20): Line => ({ line, speed, after: 0.2 })

const GET: Line[] = [
  'get nodes', 'get nodes -o wide', 'get no --show-labels', 'get ns', 'get pods', 'get po -o wide', 'get pods -A', 'get pods -A -o wide',
  'get pods -n kube-system', 'get pods -n none', 'get pods --show-labels', 'get pods -l app=web', 'get pods -l app=web -L app,tier', "get pods -l 'app in (web,two),tier!=back'",
  'get pods --field-selector status.phase=Running', 'get pods --field-selector spec.nodeName=node01 -o name', 'get pods --field-selector foo=bar', 'get pods -l a==b==c',
  'get pods --sort-by=.metadata.name', 'get pods --sort-by=.status.startTime -o name', 'get pods --no-headers', 'get pod two -o yaml', 'get pod two -o json', 'get pods two ended -o name',
  'get svc', 'get svc -o wide', 'get svc web -o yaml', 'get svc,deploy,rs,sts,ds', 'get all', 'get all -A -o wide', 'get deploy -o wide', 'get rs -o wide', 'get sts -o wide', 'get ds -o wide',
  'get deploy web -o yaml', 'get deploy web -o json', 'get sts db -o yaml --show-managed-fields', 'get ds agent -o yaml', 'get ep', 'get endpointslices', 'get ep web -o yaml', 'get endpointslices -l kubernetes.io/service-name=db -o yaml', 'get cm', 'get cm settings -o yaml', 'get secret', 'get secrets keys -o yaml', 'get sa',
  'get events', 'get events -A --field-selector reason=Scheduled', 'events', 'events --for pod/two', 'get leases -A', 'get ing', 'get ingressclass', 'get netpol', 'get netpol,ing -o yaml', 'get node node01 -o yaml',
  'get pods -o jsonpath={.items[*].metadata.name}', "get pods -o jsonpath='{range .items[*]}{.metadata.name}{\"\\t\"}{.status.podIP}{\"\\n\"}{end}'", "get pods -o jsonpath='{.items[?(@.metadata.name==\"two\")].spec.containers[*].name}'", "get pods -o jsonpath='{.items[0'", "get nodes -o jsonpath='{.items[*].status.addresses[?(@.type==\"InternalIP\")].address}'",
  'get pods -o custom-columns=NAME:.metadata.name,IMG:.spec.containers[*].image,NODE:.spec.nodeName,X:.nothing', 'get pods -o custom-columns=NAME', "get pods -o go-template='{{range .items}}{{.metadata.name}}{{\"\\n\"}}{{end}}'", 'get pods -o nosuch',
  'get pod nope', 'get pods nope two', 'get nosuch', 'get', 'get pods two -A', 'get pod/two svc/web', 'get pod/two svc', 'get pods --bogus', 'get pods -o', 'get deploy.apps web', 'get deployments.v1.apps web -o name', 'get pods two --ignore-not-found', 'get pods nope --ignore-not-found', 'get pods -l app=nothing', 'get netpol -n team', 'get -f app.yaml', 'get --raw /version', 'get --raw /api/v1/namespaces/default/configmaps/settings', 'get --raw /nothing', 'get rc', 'get quota', 'get pv', 'get hpa', 'get jobs,cronjobs', 'get pods --chunk-size=2 -o name', 'get po,svc -A -o name', 'get all -n team', 'get svc web --output=jsonpath={.spec.clusterIP}', 'get pods -owide --no-headers -l app=db', 'get deploy web -o jsonpath={.spec.template.spec.containers[0].env}', 'get componentstatuses', 'get pods two -o jsonpath-as-json={.metadata.labels}', 'get deploy web -o template --template={{.metadata.name}}', 'get pods two -o yaml --show-managed-fields',
] // biome-ignore format: one list

const DESCRIBE: Line[] = [
  'describe node node01', 'describe nodes', 'describe ns', 'describe ns team', 'describe pod two', 'describe pods', 'describe pod crash', 'describe pod big', 'describe pods -l app=web', 'describe pods -n kube-system', 'describe deploy web', 'describe rs', 'describe sts db', 'describe ds agent', 'describe svc', 'describe svc web lb', 'describe ep', 'describe endpointslices', loose('describe cm settings'), loose('describe secret keys'), 'describe sa', 'describe ing', 'describe ingressclass', 'describe netpol', 'describe lease -n kube-node-lease node01', 'describe pod nope', 'describe pod tw', 'describe nosuch', 'describe', 'describe deploy web --show-events=false', 'describe pods -l app=nothing', 'describe svc/web pod/two', 'describe events',
] // biome-ignore format: one list

const KNOW: Line[] = [
  'api-resources', 'api-resources --api-group=apps', 'api-resources -o wide', 'api-resources -o name --namespaced=false', 'api-resources --verbs=list,watch --sort-by=kind', 'api-versions', 'version', 'version -o json', 'version --client', 'version -o yaml', 'cluster-info', 'auth can-i get pods', "auth can-i '*' '*'", 'auth can-i create nosuch', 'auth whoami', 'auth can-i --list', 'top pods', 'top nodes', 'nosuchcommand', 'explain pod', 'explain pod.spec.containers', 'explain service.spec.clusterIP', 'explain deploy.spec --recursive', 'explain pods.spec.nope', 'explain nosuch', 'explain netpol.spec.ingress', 'explain cm --recursive', 'explain endpointslice', 'explain node.status', 'explain ingress.spec.rules', 'explain svc.spec.ports', 'explain pod.metadata', 'explain sts --api-version=apps/v1', 'explain pod.spec.containers.livenessProbe', 'explain',
  { line: 'config view', config: 'real' }, { line: 'config current-context', config: 'real' }, { line: 'config get-contexts', config: 'real' }, { line: 'config get-clusters', config: 'real' }, { line: 'config use-context none', config: 'real' }, { line: 'config view --minify -o jsonpath={..server}', config: 'real' }, { line: 'config get-users', config: 'real' },
] // biome-ignore format: one list

const CREATE: Line[] = [
  'create deployment d1 --image=nginx --replicas=2 --port=80 --dry-run=client -o yaml', 'create deployment d1 --image=nginx --dry-run=server', 'create deployment d1 --image=busybox -o name --dry-run=client -- sleep 5', 'create cm c1 --from-literal=a=b --from-literal=c=d --dry-run=client -o yaml', 'create cm c1 --from-file=patch.yaml --dry-run=client -o yaml', 'create secret generic s1 --from-literal=p=x --dry-run=client -o yaml', 'create secret docker-registry reg --docker-username=u --docker-password=p --docker-server=r.example --dry-run=client -o yaml', 'create ns n1 --dry-run=client -o yaml', 'create ns n1', 'create ns n1', 'create ns Bad_Name', 'create sa robot2', 'create service clusterip sc --tcp=80:8080 --dry-run=client -o yaml', 'create service nodeport sn --tcp=80:8080 --node-port=30111', 'create service loadbalancer sl --tcp=80', 'create service externalname se --external-name=x.example', 'create service headless', 'create deployment', 'create deployment d2', 'create ingress i1 --rule=a.example/x*=web:80 --dry-run=client -o yaml', 'create cm c2 --from-literal=a=b', 'create cm c2 --from-literal=a=b', 'create nosuch x', 'create', 'create -f app.yaml', 'create -f app.yaml', 'get cm fresh -o yaml', 'delete -f app.yaml --wait=false', 'create job j1 --image=busybox', 'create role r1 --verb=get --resource=pods', 'create -f nosuch.yaml', 'create quota q1 --hard=pods=3', 'create token robot',
  'run r1 --image=busybox --dry-run=client -o yaml --labels=a=b --env=X=y --port=80 --restart=Never -- sleep 5', 'run', 'run r1', 'run r1 --image=busybox --restart=Maybe', 'run r1 --image=busybox --command -- sleep 1000', 'run r1 --image=busybox', 'expose deploy web --name=web3 --port=81 --target-port=80 --dry-run=client -o yaml', 'expose deploy web --name=web3 --port=81', 'expose deploy web --name=web3 --port=81', 'expose pod two --port=5', 'expose svc web --name=web4 --port=82 --type=NodePort', 'expose deploy nope --port=1', 'expose deploy web', 'expose pod r1 --port=80 --name=r1svc -o name', 'delete svc web3 web4 two r1svc',
] // biome-ignore format: one list

const APPLY: Line[] = [
  { settle: 40 }, 'diff -f app.yaml', 'apply -f app.yaml', waits('rollout status deploy/fresh'), 'apply -f app.yaml', 'diff -f app.yaml', 'diff -f app2.yaml', 'apply -f app2.yaml', 'get cm fresh -o yaml', 'get svc fresh -o yaml', 'apply -f app.yaml --dry-run=server', 'apply -f app.yaml --dry-run=client', 'apply -f app2.yaml -o name', 'apply --server-side -f app.yaml', 'apply --server-side --force-conflicts -f app.yaml', 'apply view-last-applied cm fresh', 'apply set-last-applied -f app2.yaml', 'apply -f bad.yaml', 'apply -f unknown.yaml', 'apply -f unknown.yaml --validate=false', 'apply -f nokind.yaml', 'apply -f oldapi.yaml', 'apply -f broken.yaml', 'apply -f typed.json', 'apply -f nosuch.yaml', 'apply', { line: 'apply -f -', input: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: piped}\n' }, { line: 'create -f -', input: '' }, 'apply -f app.yaml -l made=nowhere', 'apply -f app.yaml -f app2.yaml', 'replace -f app2.yaml', 'replace -f typed.json', waits('replace --force -f app2.yaml'),
] // biome-ignore format: one list

const CHANGE: Line[] = [
  'label pod two tier=back', 'label pod two tier=back --overwrite', 'label pod two tier-', 'label pod two tier-', 'label pods --all env=x', 'label pod two bad_=', 'label pod two a=b c', 'label node node01 disk=ssd', loose('label pod two --list'), 'label pod nope a=b', 'label pod', 'annotate pod two note=hello', 'annotate pod two note=bye', 'annotate pod two note-', 'annotate cm settings a=1 b=2 --dry-run=client', 'label cm settings x=y -o yaml',
  'patch cm settings -p {"data":{"p":"1"}}', 'patch cm settings --type=merge -p {"data":{"p":"1"}}', 'patch cm settings --type=json -p [{"op":"remove","path":"/data/p"}]', 'patch cm settings --type=json -p [{"op":"remove","path":"/data/p"}]', 'patch cm settings --patch-file=patch.yaml', 'patch cm settings -p notjson', 'patch cm nope -p {}', 'patch svc web -p {"spec":{"type":"Foo"}}', 'patch deploy web --subresource=scale --type=merge -p {"spec":{"replicas":3}}', 'patch',
  'scale deploy web --replicas=4', 'scale deploy web --replicas=4', 'scale deploy web --current-replicas=9 --replicas=3', 'scale --replicas=3 deploy/web sts/db', 'scale sts db --replicas=2', 'scale deploy nope --replicas=1', 'scale deploy web', 'scale cm settings --replicas=1', { settle: 30 },
  'set image deploy/web web=httpd', 'set image deploy/web web=httpd', 'set image deploy/web nope=httpd', 'set image deploy/web', waits('rollout status deploy/web'), 'set env deploy/web X=y', 'set env deploy/web --list', 'set env deploy/web X-', 'set resources deploy/web --limits=cpu=200m,memory=64Mi', 'set selector svc web app=web', 'set sa deploy web robot', 'set image pod/two one=busybox:1.36', waits('rollout status deploy/web'),
  'rollout history deploy/web', 'rollout history deploy/web --revision=2', 'rollout history deploy/web --revision=99', 'rollout history sts/db', 'rollout history ds/agent', 'rollout undo deploy/web', waits('rollout status deploy/web'), 'rollout undo deploy/web --to-revision=1', 'rollout undo deploy/web --to-revision=99', 'rollout undo deploy/web --dry-run=server', waits('rollout status deploy/web'), 'rollout pause deploy/web', 'rollout pause deploy/web', 'set image deploy/web web=nginx:1.27', { settle: 2 }, 'rollout status deploy/web --watch=false', 'rollout undo deploy/web', 'rollout restart deploy/web', 'rollout resume deploy/web', 'rollout resume deploy/web', waits('rollout status deploy web'), 'rollout restart deploy/web ds/agent sts/db', waits('rollout status ds/agent'), waits('rollout status sts/db'), waits('rollout status deploy/web --timeout=60s'), 'rollout status deploy/nope', 'rollout status pod/two', 'rollout nosuch deploy/web', { settle: 60 },
] // biome-ignore format: one list

const RUN: Line[] = [
  'logs two', 'logs two -c one', 'logs two -c nope', 'logs two other', loose('logs two --all-containers'), loose('logs two --all-containers --prefix'), 'logs two -c one --tail=2', 'logs two -c prepare', 'logs crash -p', 'logs ended', 'logs ended -p', 'logs noimage', 'logs big', 'logs nope', 'logs deploy/web', loose('logs -l app=two --all-containers --prefix'), 'logs -l app=two', 'logs -l app=nothing', 'logs svc/db', 'logs', 'logs two -c one --since=1s', 'logs two -c one --limit-bytes=9', 'logs two -c one --timestamps --tail=1', 'logs ended -f', 'logs two --tail=x', 'logs two --tail=-5', 'logs pod/two -c one', 'logs sts/db', 'logs ds/agent', 'logs cm/settings', 'logs node/node01',
  { line: 'logs -f ticker', speed: 20, stopAfter: 70 }, { line: 'logs -f ticker --tail=1 --prefix', speed: 20, stopAfter: 40 }, { line: 'logs -f -l app=two --all-containers --prefix --tail=1', speed: 10, stopAfter: 10, anyOrder: true },
  'exec two -- hostname', 'exec two -c other -- cat /etc/hosts', 'exec two -c nope -- true', 'exec two -- sh -c "echo out; echo err >&2; exit 4"', 'exec two -- nosuch', 'exec two -- cat /etc/conf/color', 'exec two -- false', 'exec nope -- true', 'exec two', 'exec', 'exec deploy/web -- hostname -i', 'exec two hostname', 'exec ended -- true', 'exec big -- true', 'exec noimage -- true', { line: 'exec -i two -- cat', input: 'one\ntwo é\n' }, { line: 'exec -it two -c one -- echo hi', input: '' }, 'exec svc/web -- echo x', 'exec -n kube-system none -- x', 'attach nope',
  { line: 'run once --image=busybox --restart=Never --rm -i -- echo hello', speed: 20, input: '' }, { line: 'run w1 --image=busybox --restart=Never --rm -it -- wget -qO- http://web.default.svc.cluster.local/', speed: 20, input: '' },
  waits('wait --for=condition=Ready pod/two --timeout=5s'), waits('wait --for=condition=available deploy/web --timeout=5s'), waits('wait --for=jsonpath={.status.phase}=Running pod/two pod/ticker'), waits('wait --for=delete pod/none --timeout=5s'), waits('wait --for=condition=Ready pod/big --timeout=2s', 2), waits('wait --for=condition=Ready pod/nope'), 'wait pod/two', 'wait --for=nonsense pod/two', waits('wait --for=condition=Ready pods -l app=web --timeout=5s'), waits('wait --for=condition=Ready pods --all --timeout=1s', 2), waits('wait --for=create pod/two --timeout=3s'), { line: 'wait --for=delete cm/c2 --timeout=20s', speed: 5, beside: 'sleep 3; kubectl delete cm c2' },
  { line: 'get deploy web -w', speed: 10, stopAfter: 12, beside: 'sleep 2; kubectl scale deploy web --replicas=2; sleep 2; kubectl scale deploy web --replicas=3' }, { line: 'get cm -w -o name', speed: 10, stopAfter: 6, beside: 'sleep 2; kubectl create cm watched; sleep 1; kubectl delete cm watched' }, { line: 'get cm -w', speed: 10, stopAfter: 6, beside: 'sleep 2; kubectl create cm watched; sleep 1; kubectl delete cm watched' }, { line: 'get cm --watch-only --output-watch-events', speed: 10, stopAfter: 6, beside: 'sleep 2; kubectl create cm watched; sleep 1; kubectl delete cm watched' },
] // biome-ignore format: one list

const END: Line[] = [
  'cordon node02', 'cordon node02', 'get nodes', { settle: 5 }, 'describe node node02', waits('drain node02'), { settle: 5 }, loose('drain node02 --ignore-daemonsets --force --delete-emptydir-data', 20), 'uncordon node02', 'uncordon node02', 'cordon nope', 'cordon', 'drain nope', 'taint node node01 k=v:NoSchedule', 'taint node node01 k=v:NoSchedule', 'taint node node01 k=w:NoSchedule --overwrite', 'taint node node01 k-', 'taint node node01 k-', 'taint node node01 k=v:Bad', 'taint nodes --all x=y:PreferNoSchedule', 'taint node', { settle: 60 },
  'get pods -o wide', waits('delete pod two'), 'delete pod two', 'delete pod two --ignore-not-found', waits('delete pod ticker --now'), waits('delete pod crash --force --grace-period=0'), 'delete svc web lb', 'delete cm,secret --all', 'delete deploy -l app=nothing', 'delete nosuch x', 'delete', 'delete pods', 'delete pods --all -l a=b', waits('delete -f app.yaml'), 'delete -f app.yaml', waits('delete deploy web --cascade=orphan'), { settle: 5 }, 'get rs', waits('delete rs --all'), waits('delete ns team'), 'delete sts db --dry-run=client', 'delete sts db -o name --wait=false', 'delete node node02', 'delete pod/ended svc/db', 'delete pods -l app=web --wait=false', { settle: 40 }, 'get all', 'delete all --all --wait=false', { settle: 60 }, 'get pods', 'get events --sort-by=.lastTimestamp -o name',
] // biome-ignore format: one list

/** From apply to delete, once. */
const TOUR: Line[] = [
  'apply -f app.yaml', { settle: 0.2 }, 'get deploy,rs,svc,cm -l made=here', waits('rollout status deploy/fresh'), 'get pods -l app=fresh -o wide', 'describe deploy fresh', 'logs deploy/fresh', 'exec deploy/fresh -- hostname', waits('wait --for=condition=available deploy/fresh'), 'scale deploy fresh --replicas=1', { settle: 10 }, 'set image deploy/fresh fresh=httpd', waits('rollout status deploy/fresh'), 'rollout history deploy/fresh', 'rollout undo deploy/fresh', waits('rollout status deploy/fresh'), 'label deploy fresh x=y', 'annotate deploy fresh x=y', 'expose deploy fresh --name=fresh2 --port=80', { settle: 2 }, 'get ep fresh2', 'logs two -c one --tail=2', 'exec two -- cat /etc/hosts', { line: 'exec -i two -- cat', input: 'one\n' }, { line: 'logs -f ticker', speed: 20, stopAfter: 40 }, { line: 'get cm -w', speed: 10, stopAfter: 5, beside: 'sleep 2; kubectl create cm watched; sleep 1; kubectl delete cm watched' }, { settle: 5 }, 'cordon node02', { settle: 2 }, loose('drain node02 --ignore-daemonsets --force', 20), 'uncordon node02', waits('delete pod two'), waits('delete -f app.yaml'), 'delete svc fresh2', { settle: 20 }, 'get all',
] // biome-ignore format: one list

/** Templates, selections, orders: what the server answers told in other ways, and what is refused before. */
const LOOK: Line[] = [
  "get pod two -o go-template='{{.metadata.name}} {{.metadata.nope}}'", "get pods -o go-template='{{range .items}}{{.metadata.name}} {{len .spec.containers}}{{end}}'", "get pod two -o go-template='{{range $i,$c := .spec.containers}}{{if $i}},{{end}}{{$c.name}}{{else}}none{{end}}'", "get pod two -o go-template='{{printf \"%s-%5d|%q\" .kind 7 .metadata.labels}}'", "get pod two -o go-template='{{.metadata.name.x}}'", "get pod two -o go-template='{{len .spec.terminationGracePeriodSeconds}}'", "get pod two -o go-template='{{foo .kind}}'", 'get pod two -o go-template={{.kind', "get secret keys -o go-template='{{.data.user | base64decode}}'", 'get pod two --template={{.kind}}', 'get pod two -o go-template', 'get pod two -o go-template-file=nofile',
  "get pods -l app=nothing -o jsonpath='{.items[0].metadata.name}'", "get pods -o jsonpath='{.items[0:100].kind}'", "get pod two -o jsonpath='{.metadata[0]}'", "get pod two -o jsonpath='{.metadata.labels[\"app\"]}'", "get pod two -o jsonpath='{range .spec.containers[*]}{.name}'", "get pod two -o jsonpath='{metadata.name}'", "get pod two -o jsonpath='{.metadata.nope.x}' --allow-missing-template-keys=false", "get pod two -o jsonpath='{.status.conditions[*].lastProbeTime}'", 'get svc web -o custom-columns=A:.spec.ports[5].port', 'get svc -l app=nothing -o custom-columns=A:.kind',
  'get pods,svc web', 'get pods,svc web two', 'get all web', 'get pods, svc', 'get pods/', 'get a,b/two', 'get pods/two/x', 'get svc, -o name', 'get pod/two -A', 'get ns default -A', 'get pods two -l app=two', 'get pod/two -l app=two', 'get -f app.yaml pods', 'get -f app.yaml pod/two', 'get pods.v1 two', 'get pods.apps two', 'get pods --all', 'get pods --show-labels -o name', 'get pods --output-watch-events', 'get --raw /version -o yaml', 'get pods --cluster=nope', 'get pods --user=nope', 'get pods --kubeconfig=/nofile', 'get pods --request-timeout=x', 'get pods -o Yaml',
  'get pods --sort-by=nope', 'get pods --sort-by=.spec', 'get pods --sort-by=.metadata.labels.tier', 'get pods,svc --sort-by=.metadata.name', 'get svc --sort-by=.spec.ports[0].nodePort', 'get ev --show-kind', 'get pods,svc --no-headers', 'get pods --server-print=false -A', 'get deploy web --subresource=scale -o yaml', 'get deploy --subresource=status', 'describe pod/tw', 'describe pods,svc', 'delete pods two --all', 'delete pod/two -l a=b', 'delete --all', 'label pods --all -l app=two zz=1',
  "patch node node01 -p '{\"spec\":{\"unschedulable\":true}}' --dry-run=client", 'patch pod two --patch-file nofile', 'set nosuch', 'set image', 'set image svc/web x=y', 'set image deploy/web web=', 'set image deploy/web web=nginx:9 -o yaml --dry-run=client', 'set env deploy/web 1A=x', 'set env deploy/web -c nope X=y', 'set env deploy/web A=1 A- --dry-run=client', 'set env svc/web A=1', 'set env deploy/web --list --resolve', 'set env deploy/web --from=cm/settings --keys=color --dry-run=client -o yaml', 'set resources deploy/web --limits=cpu', 'set resources deploy/web --limits=cpu=x', 'set selector svc web', 'set selector svc/web bad', 'set sa svc/web robot',
  { line: 'edit cm settings', editor: 'true' }, { line: 'edit cm settings', editor: 'false' }, { line: 'edit cm settings', editor: 'sed -i s/blue/red/' }, { line: 'edit svc web', editor: 'sed -i d' }, { line: 'edit svc web', editor: 'sed -i "s/port: 80$/port: 0/"' }, { line: 'edit svc web', editor: 'sed -i s/^spec:/spec/' }, { line: 'edit svc web', editor: 'sed -i "s/name: web$/name: other/"' }, { line: 'edit svc web -o json', editor: 'sed -i s/8080/8081/' }, { line: 'edit pod two', editor: 'sed -i "s/nodeName: node01/nodeName: node02/"' }, { line: 'edit svc web -o name', editor: 'true' },
  'port-forward svc/far 8080:80', 'port-forward cm/settings 8080:80', 'port-forward two 0:0', 'port-forward two 70000:80', 'port-forward ended 8080:80', 'port-forward svc/web 8080:nosuch', 'exec cm/settings -- ls', 'exec two -- /etc/hosts', 'attach ended', 'attach two -c nope', 'attach big', 'logs two --since=bad', 'logs two one other', 'logs two --all-containers -c one', 'logs two --limit-bytes=-1', 'events --types=Foo', 'wait pod/two --for=jsonpath=', 'wait pod/two --for=delete --timeout=0',
] // biome-ignore format: one list

/** Of any lab, whose objects stand in `lab.yaml`. */
export const LAB_LINES: readonly Line[] = [
  // What an apply sets off comes about before anybody looks.
  'apply -f lab.yaml', { settle: 5 }, 'diff -f lab.yaml', 'get -f lab.yaml', 'get all -A -o wide', 'get ep,endpointslices -A', 'get nodes -o wide', 'describe -f lab.yaml', 'describe pods', 'describe svc -A', 'describe nodes', 'get pods -o yaml', 'get svc -o json', 'delete -f lab.yaml --wait=false', { settle: 40 }, 'get all', 'apply -f lab.yaml', { settle: 40 }, 'get all', 'get pods -o wide',
] // biome-ignore format: one list

/** By what they are about. */
export const SECTIONS: Readonly<Record<string, readonly Line[]>> = {
  get: GET,
  describe: DESCRIBE,
  know: KNOW,
  create: CREATE,
  apply: APPLY,
  change: CHANGE,
  run: RUN,
  end: END,
  tour: TOUR,
  look: LOOK,
  watched: WATCHED,
  typed: TYPED,
  config: CONFIG,
  over: FILES_OVER,
  pruned: PRUNED,
  built: BUILT,
  odd: ODD,
}
