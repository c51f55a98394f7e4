/** An edit that does not fit what is there. Its message says what is there; which edit it is says whoever catches it. */
export class Misfit extends Error {}
