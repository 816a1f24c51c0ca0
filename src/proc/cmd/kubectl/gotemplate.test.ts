// What kubectl 1.32.4 prints for `get pod two -o go-template=…` of such a pod.
import { expect, it } from 'vitest'
import { readGoTemplate, runGoTemplate } from './gotemplate.ts'

const POD = {
  kind: 'Pod',
  metadata: { name: 'two', labels: { app: 'two', tier: 'front' } },
  spec: { containers: [{ name: 'one' }, { name: 'other' }], terminationGracePeriodSeconds: 0 },
}

const ran: [template: string, text: string, error?: string][] = [
  ['{{.metadata.name}}|{{ .kind }}', 'two|Pod'],
  ['{{- .kind -}}  x\n {{- .kind -}}  y {{/* c */}}', 'PodxPody '],
  ['{{.metadata.nope.deeper}}', '<no value>'],
  ['{{.metadata.labels}}', 'map[app:two tier:front]'],
  ['{{range $i, $c := .spec.containers}}{{if $i}},{{end}}{{$c.name}}{{else}}none{{end}}', 'one,other'],
  ['{{range .spec.containers}}{{if eq .name "one"}}{{continue}}{{end}}{{.name}}{{end}}', 'other'],
  ['{{with .nope}}a{{else with .kind}}{{.}}{{end}}', 'Pod'],
  ['{{$x := 1}}{{$x}}{{$x = 2}}{{$x}}', '12'],
  ['{{and .kind .nope}} {{or .nope .kind}} {{not .kind}}', '<no value> Pod false'],
  ['{{printf "%v %q %x %5s|%-5s|%05d" .kind .kind .kind "ab" "cd" 42}}', 'Pod "Pod" 506f64    ab|cd   |00042'],
  ['{{printf "%s %d" 1 "x"}} {{printf "%d"}}', '%!s(int=1) %!d(string=x) %!d(MISSING)'],
  ['{{"aGVsbG8=" | base64decode}} {{exists .metadata "nope"}}', 'hello false'],
  ['{{define "x"}}[{{.}}]{{end}}{{template "x" .kind}}', '[Pod]'],
  ['{{.metadata.name.x}}', '', 'template: output:1:11: executing "output" at <.metadata.name.x>: can\'t evaluate field x in type interface {}'],
  ['{{len .spec.terminationGracePeriodSeconds}}', '', 'template: output:1:2: executing "output" at <len .spec.terminationGracePeriodSeconds>: error calling len: len of type int64'],
  ['a{{index .spec.containers 9}}', 'a', 'template: output:1:3: executing "output" at <index .spec.containers 9>: error calling index: index out of range: 9'],
] // biome-ignore format: one line each

it.each(ran)('%s', (template, text, error = '') => {
  expect(runGoTemplate(readGoTemplate(template, true), POD)).toEqual({ text, error })
})

const unread: [template: string, error: string][] = [
  ['{{foo .kind}}', 'template: output:1: function "foo" not defined'],
  ['{{.kind', 'template: output:1: unclosed action'],
  ['{{if}}x{{end}}', 'template: output:1: missing value for if'],
  ['{{$y}}', 'template: output:1: undefined variable "$y"'],
  ['{{.kind}', "template: output:1: bad character U+007D '}'"],
  ['{{.metadata.labels.a-b}}', "template: output:1: bad character U+002D '-'"],
]

it.each(unread)('%s', (template, error) => {
  expect(readGoTemplate(template, true).parsed.error).toBe(error)
})
