/** Number of entries of the session's SPEEDS; the last one is "as fast as possible". */
export const SPEED_COUNT = 7
