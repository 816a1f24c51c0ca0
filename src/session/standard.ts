/** A session over the whole engine, all programs included. The worker makes its own, to load them in two steps. */
import { dumpOnto } from '../lab/dump/onto.ts'
import { standardRules } from '../lab/standard.ts'
import { clusterCalls } from './cluster.ts'
import { labEngine } from './lab-engine.ts'
import { createSession, type LocalSession, type SessionHost } from './local.ts'

export function createLabSession(host: SessionHost): LocalSession {
  return createSession(host, labEngine(standardRules(), dumpOnto), { make: clusterCalls })
}
