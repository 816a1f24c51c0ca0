/**
 * Stands for d3-color in the page (vite.config.ts). React Flow's zoom brings d3's transitions, which can fade colours and
 * carry 4 kB of them into the first script; here a transition moves nothing but the view.
 */

/** No text is a colour: it is interpolated as the number or text that it is. */
export function color(): null {
  return null
}

export function rgb(): never {
  throw new Error('colours are not interpolated here')
}

export { rgb as cubehelix, rgb as hcl, rgb as hsl, rgb as lab }
