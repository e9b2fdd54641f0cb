/** Work that must not overlap, such as starts and stops of one process. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();

  /** Does work once all that was asked for before is done, well or badly. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work, work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
