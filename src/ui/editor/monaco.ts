/** Monaco as this page needs it: YAML colours, completion from the lab's schema, workers of our own origin. */
import * as monaco from 'monaco-editor/editor'
import 'monaco-editor/features/bracketMatching/register'
import 'monaco-editor/features/caretOperations/register'
import 'monaco-editor/features/clipboard/register'
import 'monaco-editor/features/codeEditor/register'
import 'monaco-editor/features/codicon/register'
import 'monaco-editor/features/comment/register'
import 'monaco-editor/features/contextmenu/register'
import 'monaco-editor/features/cursorUndo/register'
import 'monaco-editor/features/find/register'
import 'monaco-editor/features/folding/register'
import 'monaco-editor/features/gotoError/register'
import 'monaco-editor/features/hover/register'
import 'monaco-editor/features/indentation/register'
import 'monaco-editor/features/lineSelection/register'
import 'monaco-editor/features/linesOperations/register'
import 'monaco-editor/features/multicursor/register'
import 'monaco-editor/features/smartSelect/register'
import 'monaco-editor/features/snippet/register'
// 'features/suggest' alone brings no list of suggestions.
import 'monaco-editor/editor/contrib/suggest/browser/suggestController.js'
import 'monaco-editor/features/toggleTabFocusMode/register'
import 'monaco-editor/features/wordHighlighter/register'
import 'monaco-editor/features/wordOperations/register'
import 'monaco-editor/languages/definitions/yaml/register'
import i18next from 'i18next'
import { configureMonacoYaml, type MonacoYamlOptions } from 'monaco-yaml'
import { session } from '../client/client.ts'
import { completions } from './complete.ts'
import { labSchema, type Schema, withKinds } from './lab-schema.ts'
import { schemaIn } from './schema-words.ts'

export type { editor } from 'monaco-editor/editor'
export { monaco }

const MODEL = 'file:///lab.yaml'

let ready = false

/** The one model of the lab's text; languages and workers are set up with the first call. */
export function labModel(text: string): monaco.editor.ITextModel {
  if (!ready) setUp()
  const uri = monaco.Uri.parse(MODEL)
  const known = monaco.editor.getModel(uri)
  if (known) return known
  const model = monaco.editor.createModel(text, 'yaml', uri)
  model.updateOptions({ tabSize: 2, insertSpaces: true })
  return model
}

/** A model of another file, to be disposed of; files without an ending of YAML have no colours. */
export function fileModel(path: string, text: string): monaco.editor.ITextModel {
  if (!ready) setUp()
  const language = /\.ya?ml$/.test(path) ? 'yaml' : 'plaintext'
  const uri = monaco.Uri.parse(`file:///opened${path.startsWith('/') ? '' : '/'}${path}`)
  monaco.editor.getModel(uri)?.dispose()
  const model = monaco.editor.createModel(text, language, uri)
  model.updateOptions({ tabSize: 2, insertSpaces: true })
  return model
}

/** Colours from the page's tokens. */
export function dressMonaco(): void {
  const style = getComputedStyle(document.documentElement)
  const colour = (token: string) => style.getPropertyValue(token).trim()
  const dark = document.documentElement.dataset.theme === 'dark'
  const rule = (token: string, name: string) => ({ token, foreground: colour(name).slice(1) })
  monaco.editor.defineTheme('kubehop', {
    base: dark ? 'vs-dark' : 'vs',
    inherit: true,
    rules: [
      rule('type.yaml', '--accent'),
      rule('string.yaml', '--ink'),
      rule('number.yaml', '--ink'),
      rule('keyword.yaml', '--ink'),
      rule('comment.yaml', '--ink-2'),
      rule('operators.yaml', '--ink-2'),
    ],
    colors: {
      'editor.background': colour('--panel'),
      'editor.foreground': colour('--ink'),
      'editorLineNumber.foreground': colour('--ink-2'),
      'editorLineNumber.activeForeground': colour('--ink'),
      'editor.lineHighlightBorder': '#00000000',
      'editor.lineHighlightBackground': `${colour('--hover')}80`,
      'editorWidget.background': colour('--raised'),
      'editorWidget.border': colour('--line'),
      'editorSuggestWidget.selectedBackground': colour('--accent-soft'),
      'editorSuggestWidget.selectedForeground': colour('--ink'),
      'editorSuggestWidget.highlightForeground': colour('--accent'),
      'editorSuggestWidget.focusHighlightForeground': colour('--accent'),
      focusBorder: colour('--accent'),
    },
  })
  monaco.editor.setTheme('kubehop')
}

function setUp(): void {
  ready = true
  self.MonacoEnvironment = { getWorker: () => editorWorker() }
  const yaml = configureMonacoYaml(
    // monaco-worker-manager asks for a worker by module name; Monaco 0.57 wants the worker itself.
    {
      ...monaco,
      editor: { ...monaco.editor, createWebWorker: (options: unknown) => yamlClient(options) },
    } as unknown as Parameters<typeof configureMonacoYaml>[0],
    yamlOptions(labSchema),
  )
  // The field's explanations are in English until those of the page's language are here.
  // So it is with the kinds of manifests, which the session knows.
  const kinds = session().manifestSchema()
  const speak = async () => {
    const schema = await schemaIn(i18next.language)
    yaml.update(yamlOptions(schema))
    yaml.update(yamlOptions(withKinds(schema, await kinds)))
  }
  i18next.on('languageChanged', () => void speak())
  void speak()
  monaco.languages.registerCompletionItemProvider('yaml', completions(monaco))
}

function yamlOptions(schema: Schema): MonacoYamlOptions {
  return {
    completion: true,
    hover: true,
    format: { enable: false },
    validate: false,
    enableSchemaRequest: false,
    schemas: [{ uri: 'inmemory://kubehop/lab.schema.json', fileMatch: ['**'], schema }],
  }
}

function editorWorker(): Worker {
  return new Worker(new URL('./editor.worker.ts', import.meta.url), { type: 'module' })
}

function yamlClient(options: unknown): unknown {
  const worker = new Worker(new URL('./yaml.worker.ts', import.meta.url), { type: 'module' })
  // The first message wakes the worker, the second one is what it is made with.
  worker.postMessage('ignore')
  worker.postMessage((options as { createData: unknown }).createData)
  return monaco.editor.createWebWorker({ worker })
}
