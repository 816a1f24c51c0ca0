/** Completion that the schema cannot give: commands in `exec`, ends of cables, machines in a lesson. */
import type * as Monaco from 'monaco-editor/editor'
import { type Snippet, snippetsFor } from './snippets.ts'

export function completions(monaco: typeof Monaco): Monaco.languages.CompletionItemProvider {
  return {
    triggerCharacters: ['-', ' ', '"', ':'],
    provideCompletionItems(model, position) {
      const lines = model.getLinesContent()
      const found = snippetsFor(lines, position.lineNumber, position.column)
      const range = {
        startLineNumber: position.lineNumber,
        endLineNumber: position.lineNumber,
        startColumn: found.from,
        endColumn: position.column,
      }
      return { suggestions: found.snippets.map((snippet, i) => itemOf(monaco, snippet, range, i)) }
    },
  }
}

function itemOf(
  monaco: typeof Monaco,
  snippet: Snippet,
  range: Monaco.IRange,
  index: number,
): Monaco.languages.CompletionItem {
  return {
    label: snippet.label,
    detail: snippet.detail,
    kind: monaco.languages.CompletionItemKind.Snippet,
    insertText: snippet.insert,
    insertTextRules: monaco.languages.CompletionItemInsertTextRule.InsertAsSnippet,
    filterText: snippet.label,
    sortText: String(index).padStart(3, '0'),
    range,
  }
}
