/** Full jitter: clients that were cut off together do not come back together. */
export class Backoff {
  attempt = 0;

  constructor(private readonly min_: number, private readonly max_: number) {}

  next(): number {
    return Math.random() * Math.min(this.max_, this.min_ * 2 ** this.attempt++);
  }
}

/** setTimeout takes 31 bits, and does at once what is further away. */
export const timerMax = 2 ** 31 - 1;
