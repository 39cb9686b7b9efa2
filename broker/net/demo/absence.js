/*
 * What a pane misses while its link is cut, and what becomes of it. The witness is the other pane, which gets the same
 * messages all the time; a message is known by its position.
 */
const GIVE_UP_MS = 3000; // after the link is back: what has not come by then is lost

export class Absence {
  constructor(onSettled) {
    this.began = performance.now();
    this.onSettled = onSettled;
    this.arrivals = new Map(); // key of a message -> how often it arrived here, too
    this.isBack = false;
  }

  get missed() { return this.arrivals.size; }

  /** The other pane got it. */
  witness(key) {
    if (!this.isBack && !this.arrivals.has(key)) this.arrivals.set(key, 0);
  }

  /** It arrived here: replayed from the history, or after all on the new link like any other. */
  arrive(key, isReplayed) {
    if (!isReplayed && this.arrivals.get(key) === 0) this.arrivals.delete(key);
    else if (isReplayed || this.arrivals.has(key)) this.arrivals.set(key, (this.arrivals.get(key) ?? 0) + 1);
  }

  /** Its subscriptions are live again; so many messages of the past still follow. */
  back() {
    if (this.isBack) return;
    this.isBack = true;
    this.lasted = performance.now() - this.began;
    this.timer = setTimeout(() => this.settle(), GIVE_UP_MS);
  }

  settleOnceComplete() {
    if (this.isBack && [...this.arrivals.values()].every((times) => times > 0)) this.settle();
  }

  settle() {
    clearTimeout(this.timer);
    const times = [...this.arrivals.values()];
    const count = (condition) => times.filter(condition).length;
    this.onSettled({ seconds: this.lasted / 1000, missed: times.length, recovered: count((n) => n > 0),
      lost: count((n) => n === 0), twice: count((n) => n > 1) });
  }
}
