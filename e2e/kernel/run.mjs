// The kernel comparison: every lab built twice, from real network namespaces and in Kubehop; the same commands run in
// both, every interface captured; captures, tables afterwards and printed text must be the same. See README.md.
//
//   node e2e/kernel/run.mjs [--quick] [--summary FILE] [--only TEXT] [--keep DIR] [LAB …]
//
// With --quick (as `npm test` runs it) the groups marked quick, which need no waiting; without it everything. Random clusters
// (random-cluster.mjs) of the first seeds are among both; KUBEHOP_CLUSTERS=N: so many.
// The real side is ../shared/oracle (see its README); where that is absent, the comparison is skipped and says so.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleSim, compareGroup, oracle } from './compare.mjs'
import { machineObstacle, withMachine } from './machine.mjs'
import { randomCluster } from './random-cluster.mjs'

const here = dirname(fileURLToPath(import.meta.url))
/** Both sides mostly wait for the real one's clock. */
const AT_ONCE = 6

const options = { summary: '', only: '', keep: '', quick: false, labs: [] }
for (let i = 2; i < process.argv.length; i++) {
  const word = process.argv[i]
  if (word === '--quick') options.quick = true
  else if (word === '--summary' || word === '--only' || word === '--keep')
    options[word.slice(2)] = process.argv[++i]
  else options.labs.push(word)
}

async function main() {
  if (!existsSync(oracle))
    return finish({ passed: 0, failed: 0, skipped: 1, line: 'skipped: ../shared/oracle is not here' })
  const all = ['flows.json', 'flows-nf.json', 'flows-cluster.json', 'flows-machine.json'].flatMap((name) =>
    JSON.parse(readFileSync(join(here, name), 'utf8')),
  )
  const groups = [...all, ...randomGroups()]
    .map((group) => (options.quick ? quickPart(group) : group))
    .filter((group) => options.labs.length === 0 || options.labs.some((name) => group.lab.includes(name)))
    .map((group) => ({ ...group, flows: group.flows.filter((flow) => flow.name.includes(options.only)) }))
    .filter((group) => group.flows.length > 0)
    .sort((a, b) => secondsOf(b) - secondsOf(a))
  const base = options.keep === '' ? mkdtempSync(join(tmpdir(), 'kernel-')) : options.keep
  const program = await bundleSim(base)
  const total = { passed: 0, failed: 0, skipped: 0, line: '' }
  let next = 0
  const shared = groups.filter((group) => group.machine === undefined)
  const work = async () => {
    while (next < shared.length) {
      const index = next++
      const group = shared[index]
      const folder = join(base, String(index))
      report(group, folder, await compareGroup(program, group, folder).catch((error) => error), total)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  for (const group of groups.filter((one) => one.machine !== undefined))
    await alone(program, group, join(base, 'machine'), total)
  if (options.keep === '') rmSync(base, { recursive: true, force: true })
  finish(total)
}

/** A group that changes the machine's own switch, when nothing else runs. */
async function alone(program, group, folder, total) {
  const obstacle = machineObstacle(group)
  if (obstacle !== '') {
    total.skipped += group.flows.length
    console.log(`skip ${group.lab}: ${obstacle}`)
    return
  }
  const work = () => compareGroup(program, group, folder).catch((error) => error)
  const { result, logged } = await withMachine(group, work)
  report(group, folder, logged ? result : new Error(`the kernel's log does not say "${group.log}"`), total)
}

/** Random clusters: few with --quick, and as many as KUBEHOP_CLUSTERS says. */
function randomGroups() {
  const count = Number(process.env.KUBEHOP_CLUSTERS ?? (options.quick ? 3 : 8))
  // The first of both families are 5, 6 and 8.
  const first = options.quick ? 4 : 1
  return Array.from({ length: count }, (_, i) => ({
    ...randomCluster(first + i, options.quick ? { flows: 4 } : {}),
    quick: true,
  }))
}

/** The whole of a quick group; of another its quick flows, cold. */
function quickPart(group) {
  if (group.quick === true) return group
  const flows = group.flows.filter((flow) => flow.quick === true)
  return { ...group, flows: flows.map((flow) => ({ ...flow, states: ['cold'] })) }
}

/** How long a group may take, roughly: the longest begin first. */
function secondsOf(group) {
  const flows = group.flows.map((flow) => (flow.settle ?? 0.4) + (flow.script === undefined ? 1.5 : 6))
  return flows.reduce((sum, one) => sum + one, 0) * (1 + (group.wait ?? 0) / 5)
}

function report(group, folder, results, total) {
  const said = (group.setup ?? []).join('; ')
  const setup = said === '' ? '' : ` (${said.length > 60 ? `${said.slice(0, 57)}...` : said})`
  const title = `${group.lab}${setup}${options.keep === '' ? '' : ` [${folder}]`}`
  if (results instanceof Error) {
    total.failed += 1
    total.line ||= `${title}: ${results.message}`
    console.log(`FAIL ${title}\n  ${results.message}`)
    return
  }
  for (const { flow, text, tries = 1 } of results) {
    if (text === '') total.passed += 1
    else {
      total.failed += 1
      total.line ||= `${title}: ${flow.name}, ${flow.state}: ${text.split('\n')[1] ?? text}`
    }
    const place = `${title}: ${flow.name}, ${flow.state}`
    if (text !== '') console.log(`DIFF ${place}\n${text}\n`)
    else console.log(`same ${place}${tries > 1 ? ` (at the ${tries}th look)` : ''}`)
  }
}

function finish(total) {
  if (options.summary !== '') writeFileSync(options.summary, JSON.stringify(total))
  const { passed, failed, skipped, line } = total
  if (line !== '') console.log(line)
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
  process.exitCode = failed > 0 ? 1 : 0
}

await main()
