import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openFileOf } from '../proc/cmd/vi.ts'
import { ttyText } from '../run/tty.ts'
import { goTo, hashOf } from './headless.ts'
import { submitEdit, submitKeys, submitTty } from './rules.ts'
import { openScenario, type Scenario } from './scenario.fixture.ts'
import { said } from './scenario-cluster.fixture.ts'

// Texts: kubectl 1.32, pkg/cmd/util/editor/editoptions.go.

const read = () => readFileSync(new URL('../../public/labs/4.1-service-test.yaml', import.meta.url), 'utf8')
const EDIT = 'kubectl edit deployment service-test'
const HEADER = `# Please edit the object below. Lines beginning with a '#' will be ignored,
# and an empty file will abort the edit. If an error occurs while saving this file will be
# reopened with the relevant failures.
#
`
const UNSAVED =
  /A copy of your changes has been stored to "\/tmp\/kubectl-edit-\d+.yaml"\nerror: Edit cancelled, no valid changes were saved.\n$/
const INVALID = new RegExp(`^error: deployments.apps "service-test" is invalid\n${UNSAVED.source}`)

function replicas(lab: Scenario): string {
  return said(lab, 'node1: kubectl get deployment service-test -o jsonpath={.spec.replicas}')
}

describe('with an editor of the environment', () => {
  const lab = openScenario(read())
  const type = (editor: string) => lab.type(`node1: ${editor} ${EDIT}`)

  it('applies what the editor changed', () => {
    const { stdout, stderr, code } = type("KUBE_EDITOR='sed -i s/replicas:.2/replicas:\\ 3/'")
    expect({ stdout, stderr, code }).toEqual({
      stdout: 'deployment.apps/service-test edited\n',
      stderr: '',
      code: 0,
    })
    expect(replicas(lab)).toBe('3')
    expect(type("EDITOR='sed -i s/replicas:.3/replicas:9/'").code).toBe(1)
  })

  it('says so where nothing was changed, or nothing is left', () => {
    expect(type('EDITOR=true')).toMatchObject({ code: 0, stderr: 'Edit cancelled, no changes made.\n' })
    const emptied = type("EDITOR='sed -i d'")
    expect(emptied.code).toBe(1)
    expect(emptied.stderr).toMatch(INVALID)
  })

  it('keeps a copy of what stays invalid, and of what the server will not have', () => {
    const bad = type("EDITOR='sed -i s/replicas:.3/replicas:\\ -1/'")
    expect(bad.code).toBe(1)
    expect(bad.stderr).toMatch(INVALID)
    const path = /"(\/tmp\S+)"/.exec(bad.stderr)![1]
    expect(said(lab, `node1: cat ${path}`)).toContain(
      '# deployments.apps "service-test" was not valid:\n# * spec.replicas: Invalid value: -1: must be greater than or equal to 0\n#\n',
    )
    const strange = type("EDITOR='sed -i s/replicas:/replicass:/'")
    expect(strange.stderr).toMatch(
      /could not be patched: .*unknown field "spec.replicass".*\nYou can run `kubectl replace -f \/tmp\/kubectl-edit-\d+.yaml` to try this update again.\n$/,
    )
    // Of apps/v1 there is no Pod, but a ReplicaSet: the real kubectl (1.32.4) tells them apart.
    expect(type("EDITOR='sed -i s/kind:.Deployment/kind:\\ Pod/'").stderr).toMatch(UNSAVED)
    expect(type("EDITOR='sed -i s/kind:.Deployment/kind:\\ ReplicaSet/'").stderr).toMatch(
      /error: At least one of apiVersion, kind and name was changed\n$/,
    )
  })

  it('refuses where there is none', () => {
    expect(type('')).toMatchObject({ code: 1, stderr: 'error: unable to launch the editor "vi"\n' })
    expect(type('EDITOR=emacs')).toMatchObject({
      code: 1,
      stderr: 'error: unable to launch the editor "emacs"\n',
    })
  })
})

describe("with the page's editor", () => {
  it('opens the object, opens it again with the reason, and rewinds', () => {
    const lab = openScenario(read())
    const { world, rules } = lab.run
    const tty = submitTty(world, rules, 'node1')
    submitKeys(world, rules, tty, `${EDIT}\r`)
    lab.wait(1)
    const { path, text } = openFileOf(world, tty)!
    expect(path).toMatch(/^\/tmp\/kubectl-edit-\d+\.yaml$/)
    expect(text.startsWith(`${HEADER}apiVersion: apps/v1\nkind: Deployment\n`)).toBe(true)
    const at = world.nEvents
    submitEdit(world, rules, tty, text.replace('replicas: 2', 'replicas: -2'))
    lab.wait(1)
    const again = openFileOf(world, tty)!
    expect(again.text).toContain('# * spec.replicas: Invalid value: -2: must be greater than or equal to 0\n')
    submitEdit(world, rules, tty, again.text.replace('replicas: -2', 'replicas: 1'))
    lab.wait(1)
    expect(openFileOf(world, tty)).toBeUndefined()
    expect(ttyText(world, tty).text).toContain('deployment.apps/service-test edited\r\n')
    const [end, hash] = [world.nEvents, hashOf(lab.run)]
    goTo(lab.run, at)
    expect(openFileOf(world, tty)?.path).toBe(path)
    goTo(lab.run, end)
    expect(hashOf(lab.run)).toBe(hash)
    expect(replicas(lab)).toBe('1')
  })
})
