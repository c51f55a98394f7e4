/** No client's clock goes beyond this: at a thousand keystrokes a second it takes nine thousand years. */
export const MAX_CLOCK: number = 2 ** 48;
