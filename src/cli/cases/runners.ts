/** Which runner takes which file of expected results. */
import { kubeProxyCategories, kubeProxyFlows, kubeProxyRules } from './kubeproxy.ts'
import { cniCases } from './cni.ts'
import { controllerCases } from './controllers.ts'
import type { CaseRunner } from './report.ts'

export const CASE_RUNNERS: readonly (readonly [file: string, run: CaseRunner])[] = [
  ['01-kubeproxy-flows.json', kubeProxyFlows],
  ['01-kubeproxy-iptables-rules.json', kubeProxyRules],
  ['01-kubeproxy-endpoint-categories.json', kubeProxyCategories],
  ['07-iptables-cni.json', cniCases],
  ['05-controllers-and-validation.json', controllerCases],
]
