// Events by name. A listener that throws, or whose promise fails, stops nobody else.

import { CrierError, textOf } from './errors.js';
import type { Listener } from './types.js';

export abstract class Emitter<Events extends { error: CrierError }> {
  private readonly listeners_: { [Name in keyof Events]?: Set<Listener<Events[Name]>> } = {};

  /** Calls `listener` at every such event, until the function that it returns is called. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const listeners = (this.listeners_[name] ??= new Set());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /** The next such event. */
  once<Name extends keyof Events>(name: Name): Promise<Events[Name]> {
    return new Promise((resolve) => {
      const off = this.on(name, (event) => {
        off();
        resolve(event);
      });
    });
  }

  /** @internal */
  emit_<Name extends keyof Events>(name: Name, event: Events[Name]): boolean {
    const listeners = this.listeners_[name];
    for (const listener of [...(listeners ?? [])]) {
      const failed = (cause: unknown) => {
        const error = new CrierError('listener_failed', `a listener of '${String(name)}' failed: ${textOf(cause)}`,
          { cause });
        // Its own failure must not come back to it.
        if (name === 'error' || !this.emit_('error', error)) console.error(error);
      };
      try {
        const result = listener(event);
        if (result instanceof Promise) result.catch(failed);
      } catch (cause) {
        failed(cause);
      }
    }
    return !!listeners?.size;
  }
}
