/** Which runner takes which file of expected results. */
import { kernelFlowCases } from './kernelflows.ts'
import { kubeProxyCategories, kubeProxyFlows, kubeProxyRules } from './kubeproxy.ts'
import { apiCases } from './api.ts'
import { cniCases } from './cni.ts'
import { corednsCases, dnsSpecCases } from './dns.ts'
import { kubectlCases } from './kubectl.ts'
import { controllerCases } from './controllers.ts'
import type { CaseRunner } from './report.ts'

export const CASE_RUNNERS: readonly (readonly [file: string, run: CaseRunner])[] = [
  ['01-kubeproxy-flows.json', kubeProxyFlows],
  ['01-kubeproxy-iptables-rules.json', kubeProxyRules],
  ['01-kubeproxy-endpoint-categories.json', kubeProxyCategories],
  ['01-kubeproxy-kernel-flows.json', kernelFlowCases],
  ['07-iptables-cni.json', cniCases],
  ['02-dns-coredns.json', corednsCases],
  ['02-dns-schema-and-search.json', dnsSpecCases],
  ['05-controllers-and-validation.json', (data) => [...controllerCases(data), ...apiCases(data)]],
  ['06-kubectl.json', kubectlCases],
]
