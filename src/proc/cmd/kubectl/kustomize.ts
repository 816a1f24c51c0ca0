/** `kubectl kustomize` and -k: the objects that a folder's kustomization makes. Models kubectl's kustomize 5.5. */
import { listDir, readFile, resolvePath, statFile, writeFile } from '../../../run/files.ts'
import { boolFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { complain, fault, once, print } from './flow.ts'
import type { Folder } from './kustomize/build.ts'
import { buildFolder } from './kustomize/build.ts'
import { isWrong } from './kustomize/resource.ts'
import { toYaml } from './yaml.ts'

const UNMODELLED = [
  'as-current-user', 'enable-alpha-plugins', 'enable-helm', 'env/e=*', 'helm-api-versions=*', 'helm-command=', 'helm-debug',
  'helm-kube-version=', 'load-restrictor=', 'mount=*', 'network', 'network-name=', 'reorder=',
] // biome-ignore format: one list

export function kustomize(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl kustomize', args, ['output/o=', ...UNMODELLED])
  for (const spec of UNMODELLED) {
    const [name = ''] = spec.split(/[/=]/)
    const off = !spec.includes('=') && !boolFlag(flags, name)
    if (flags.values.has(name) && !off) fault(`error: kubectl kustomize --${name}: not modelled in Kubehop`)
  }
  if (flags.operands.length > 1) fault('error: specify one path to kustomization.yaml')
  const text = kustomized(flow, flags.operands[0] ?? '.')
  const path = textFlag(flags, 'output')
  if (path === '') print(flow, text)
  else {
    const error = once(flow, () => writeFile(flow.ctx, path, text))
    if (error !== '') fault(`error: open ${path}: ${error.toLowerCase()}`)
  }
  return 0
}

/** The documents that a folder makes. A mistake ends the command. */
export function kustomized(flow: Flow, dir: string): string {
  const { ctx } = flow
  const built = once(flow, () => {
    const warnings: string[] = []
    const full = resolvePath(ctx.proc.cwd, dir)
    const isDir = (path: string) => listDir(ctx, path) !== undefined
    const folder: Folder = {
      read: (path) => {
        const { text, error } = readFile(ctx, path)
        return error === '' ? text : undefined
      },
      isDir,
      parse: (text) => flow.parts.readText(text),
      warn: (text) => {
        warnings.push(text)
      },
    }
    if (statFile(ctx, full) === undefined) {
      const why = `evalsymlink failure on '${dir}' : lstat ${full}: no such file or directory`
      return { text: '', warnings, error: `must build at directory: not a valid directory: ${why}` }
    }
    if (!isDir(full)) {
      return { text: '', warnings, error: `must build at directory: '${dir}': file is not directory` }
    }
    try {
      const text = buildFolder(folder, full === '/' ? '' : full)
        .map(toYaml)
        .join('---\n')
      return { text, warnings, error: '' }
    } catch (thrown) {
      if (isWrong(thrown)) return { text: '', warnings, error: thrown.wrong }
      throw thrown
    }
  })
  complain(flow, built.warnings.join(''))
  return built.error === '' ? built.text : fault(`error: ${built.error}`)
}
