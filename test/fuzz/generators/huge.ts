/** Clocks and lengths around every bound that somebody may have. */
export const HUGE = [2 ** 31, 2 ** 32, 2 ** 47, 2 ** 48 - 1, 2 ** 48, 2 ** 53 - 1, 2 ** 54, 2 ** 60, 2 ** 63];
