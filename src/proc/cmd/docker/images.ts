/**
 * Images: no layers, no registry, but programs of Kubehop under the names that they have elsewhere. Every image carries
 * all of Kubehop's commands, whatever the real one holds. An image that nothing stands in for is refused.
 */
import type { FileNode } from '../../../run/types.ts'

export interface Image {
  repository: string
  tags: readonly string[]
  /** 64 hex digits. */
  id: string
  entrypoint: readonly string[]
  cmd: readonly string[]
  exposed: readonly string[]
  cwd: string
  env: readonly string[]
  stopSignal: 'SIGTERM' | 'SIGQUIT'
  size: string
  files: Readonly<Record<string, FileNode>>
  /** What stands behind the name. */
  stands: string
}

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

const NGINX_PAGE = `<!DOCTYPE html>
<html>
<head>
<title>Welcome to nginx!</title>
<style>
html { color-scheme: light dark; }
body { width: 35em; margin: 0 auto;
font-family: Tahoma, Verdana, Arial, sans-serif; }
</style>
</head>
<body>
<h1>Welcome to nginx!</h1>
</body>
</html>
`
const NGINX_SITE = `server {
    listen       80;
    server_name  localhost;

    location / {
        root   /usr/share/nginx/html;
        index  index.html index.htm;
    }
}
`

interface ImageSpec {
  tags?: readonly string[]
  entrypoint?: readonly string[]
  cmd: readonly string[]
  exposed?: readonly string[]
  cwd?: string
  env?: readonly string[]
  quit?: boolean
  size: string
  files?: Readonly<Record<string, string>>
  stands: string
}

const SPECS: Readonly<Record<string, ImageSpec>> = {
  nginx: {
    entrypoint: ['/docker-entrypoint.sh'],
    cmd: ['nginx', '-g', 'daemon off;'],
    exposed: ['80/tcp'],
    env: ['NGINX_VERSION=1.22.1'],
    quit: true,
    size: '192MB',
    files: {
      '/usr/share/nginx/html/index.html': NGINX_PAGE,
      '/etc/nginx/conf.d/default.conf': NGINX_SITE,
    },
    stands: 'nginx 1.22 with its standard site',
  },
  httpd: {
    cmd: ['httpd-foreground'],
    exposed: ['80/tcp'],
    cwd: '/usr/local/apache2',
    env: ['HTTPD_PREFIX=/usr/local/apache2', 'HTTPD_VERSION=2.4.62'],
    size: '148MB',
    files: { '/usr/local/apache2/htdocs/index.html': '<html><body><h1>It works!</h1></body></html>\n' },
    stands: 'a static server on port 80 of /usr/local/apache2/htdocs',
  },
  python: {
    tags: ['2.7', '2', '3', 'latest', '3.11'],
    cmd: ['python3'],
    size: '902MB',
    stands: 'python -m SimpleHTTPServer and python3 -m http.server',
  },
  redis: {
    entrypoint: ['docker-entrypoint.sh'],
    cmd: ['redis-server'],
    exposed: ['6379/tcp'],
    cwd: '/data',
    size: '117MB',
    files: { '/data/.keep': '' },
    stands: 'a server on port 6379 that knows PING, ECHO, SET, GET, DEL and INCR',
  },
  alpine: { tags: ['latest', '3'], cmd: ['/bin/sh'], size: '7.8MB', stands: "Kubehop's shell and commands" },
  busybox: { cmd: ['sh'], size: '4.27MB', stands: "Kubehop's shell and commands" },
  debian: {
    tags: ['latest', '12', 'bookworm'],
    cmd: ['bash'],
    size: '117MB',
    stands: "Kubehop's shell and commands",
  },
  ubuntu: {
    tags: ['latest', '24.04'],
    cmd: ['/bin/bash'],
    size: '78.1MB',
    stands: "Kubehop's shell and commands",
  },
  'registry.k8s.io/coredns/coredns': {
    tags: ['v1.11.3'],
    entrypoint: ['/coredns'],
    cmd: [],
    exposed: ['53/tcp', '53/udp'],
    size: '63.3MB',
    stands: 'coredns, with the plugins that Kubehop models',
  },
  'docker.elastic.co/kibana/kibana': standIn(
    5601,
    '<title>Kibana stand-in</title>\n',
    'a static server on port 5601 in the place of Kibana',
    '1.02GB',
  ),
  'docker.elastic.co/elasticsearch/elasticsearch': standIn(
    9200,
    '{ "tagline" : "a stand-in for Elasticsearch" }\n',
    'a static server on port 9200 in the place of Elasticsearch',
    '1.25GB',
  ),
  'registry.k8s.io/pause': {
    tags: ['3.10', '3.9', '3.6'],
    entrypoint: ['/pause'],
    cmd: [],
    size: '736kB',
    stands: 'a program that sleeps until it is told to end',
  },
}

/** An HTTP server that says what it stands for. */
function standIn(port: number, page: string, stands: string, size: string): ImageSpec {
  return {
    cmd: ['python3', '-m', 'http.server', String(port)],
    exposed: [`${port}/tcp`],
    cwd: '/srv',
    size,
    files: { '/srv/index.html': page },
    stands,
  }
}

/** Names under which images of the library are known too. */
const PREFIXES = ['docker.io/library/', 'docker.io/', 'library/']
/** Other names of what is there. */
const ALIASES: Readonly<Record<string, string>> = {
  'coredns/coredns': 'registry.k8s.io/coredns/coredns',
  'k8s.gcr.io/coredns': 'registry.k8s.io/coredns/coredns',
  'k8s.gcr.io/pause': 'registry.k8s.io/pause',
  kibana: 'docker.elastic.co/kibana/kibana',
  'docker.elastic.co/kibana/kibana-oss': 'docker.elastic.co/kibana/kibana',
  elasticsearch: 'docker.elastic.co/elasticsearch/elasticsearch',
  'docker.elastic.co/elasticsearch/elasticsearch-oss': 'docker.elastic.co/elasticsearch/elasticsearch',
}

const IMAGES: readonly Image[] = Object.freeze(
  Object.entries(SPECS).map(([name, spec]) => imageOf(name, spec)),
)

/** All images, by name. */
export function imageList(): readonly Image[] {
  return [...IMAGES].sort((a, b) => (a.repository < b.repository ? -1 : 1))
}

/** The image for `nginx`, `nginx:latest`, `docker.io/library/nginx`, or an id. Any tag of a known name is taken. */
export function findImage(reference: string): { image: Image; tag: string } | undefined {
  let name = reference.replace(/@sha256:[0-9a-f]{64}$/, '')
  for (const prefix of PREFIXES) if (name.startsWith(prefix)) name = name.slice(prefix.length)
  const colon = name.lastIndexOf(':')
  const tagged = colon > name.lastIndexOf('/')
  const tag = tagged ? name.slice(colon + 1) : 'latest'
  const plain = tagged ? name.slice(0, colon) : name
  const repository = Object.hasOwn(ALIASES, plain) ? ALIASES[plain]! : plain
  const image = IMAGES.find((one) => one.repository === repository) ?? byId(reference)
  return image === undefined ? undefined : { image, tag }
}

/** What Python stands behind a tag of the image python. */
export function commandOf(image: Image, tag: string): readonly string[] {
  return image.repository === 'python' && tag.startsWith('2') ? ['python2'] : image.cmd
}

/** `name:tag` as docker prints it where the tag was left out. */
export function fullName(reference: string): string {
  return reference.lastIndexOf(':') > reference.lastIndexOf('/') ? reference : `${reference}:latest`
}

function byId(reference: string): Image | undefined {
  if (!/^(sha256:)?[0-9a-f]{6,64}$/.test(reference)) return undefined
  const id = reference.replace('sha256:', '')
  return IMAGES.find((one) => one.id.startsWith(id))
}

function imageOf(repository: string, spec: ImageSpec): Image {
  const files: Record<string, FileNode> = {}
  const put = (path: string, node: Omit<FileNode, 'mtime'>) => {
    files[path] = Object.freeze({ ...node, mtime: 0 })
  }
  for (const [path, text] of Object.entries(spec.files ?? {})) {
    const parts = path.split('/')
    for (let i = 2; i < parts.length; i++)
      put(parts.slice(0, i).join('/'), { kind: 'dir', text: '', mode: 0o755 })
    put(path, { kind: 'file', text, mode: 0o644 })
  }
  return Object.freeze({
    repository,
    tags: spec.tags ?? ['latest'],
    id: idOf(repository),
    entrypoint: spec.entrypoint ?? [],
    cmd: spec.cmd,
    exposed: spec.exposed ?? [],
    cwd: spec.cwd ?? '/',
    env: [PATH, ...(spec.env ?? [])],
    stopSignal: spec.quit === true ? 'SIGQUIT' : 'SIGTERM',
    size: spec.size,
    files: Object.freeze(files),
    stands: spec.stands,
  })
}

/** 64 hex digits that depend on the name only. */
function idOf(name: string): string {
  let text = ''
  for (let i = 0; text.length < 64; i++) {
    let h = 0x811c9dc5 + i * 0x9e3779b9
    for (let j = 0; j < name.length; j++) h = Math.imul(h ^ name.charCodeAt(j), 0x01000193)
    h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d)
    h ^= h >>> 13
    text += (h >>> 0).toString(16).padStart(8, '0')
  }
  return text
}
