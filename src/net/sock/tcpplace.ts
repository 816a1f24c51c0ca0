/** Where IP hands over to TCP. */
export { tcpErr } from './tcperr.ts'
export { tcpRcv } from './tcpin.ts'
