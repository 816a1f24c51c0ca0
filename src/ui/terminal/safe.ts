/**
 * Output of a lab is not trusted: a pod may print any bytes. What a terminal would answer, copy or open because of output
 * is taken out of xterm's hands here, so that output can neither type nor reach the clipboard.
 */
import type { IDisposable, IParser } from '@xterm/xterm'

type CsiId = Parameters<IParser['registerCsiHandler']>[0]

/** Device attributes, status and cursor reports, mode requests, version, window reports. */
const QUERIES: CsiId[] = [
  { final: 'c' },
  { prefix: '>', final: 'c' },
  { prefix: '=', final: 'c' },
  { final: 'n' },
  { prefix: '?', final: 'n' },
  { intermediates: '$', final: 'p' },
  { prefix: '?', intermediates: '$', final: 'p' },
  { prefix: '>', final: 'q' },
  { prefix: '?', final: 'u' },
  { final: 't' },
]
/** Title (2 and friends), colour queries (4, 10 to 19), links (8), clipboard (52). */
const OSC = [
  0, 1, 2, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 52, 104, 110, 111, 112, 777, 1337,
]
/** Modes that make the terminal send what nobody typed: mouse and focus reports, pasted text in brackets. */
const REPORTING = new Set([9, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 2004, 2031, 9001])

/** Refuses what makes a terminal speak; answers how to take the refusal back. */
export function refuseQueries(parser: IParser): IDisposable[] {
  return [
    ...QUERIES.map((id) => parser.registerCsiHandler(id, () => true)),
    ...OSC.map((id) => parser.registerOscHandler(id, () => true)),
    parser.registerDcsHandler({ intermediates: '$', final: 'q' }, () => true),
    parser.registerDcsHandler({ intermediates: '+', final: 'q' }, () => true),
    parser.registerEscHandler({ final: 'Z' }, () => true),
    parser.registerCsiHandler({ prefix: '?', final: 'h' }, (modes) =>
      modes.some((mode) => typeof mode === 'number' && REPORTING.has(mode)),
    ),
  ]
}

/** Whether data from xterm is a report of the terminal and no key: nothing like it can be typed. */
export function isReport(data: string): boolean {
  const esc = '\x1b'
  if (data.startsWith(`${esc}]`) || data.startsWith(`${esc}P`)) return true
  return data.startsWith(`${esc}[`) && /^[?>=]?[\d;]*(\$y|[cnt]|[IO])$/.test(data.slice(2))
}
