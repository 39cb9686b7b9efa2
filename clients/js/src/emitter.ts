// Events by name. A listener that throws, or whose promise fails, stops nobody else.

import { CrierError } from './errors.js';
import type { Listener } from './types.js';

export abstract class Emitter<Events extends { error: CrierError }> {
  private readonly listeners_: { [Name in keyof Events]?: Set<Listener<Events[Name]>> } = {};

  /** Calls `listener` at every such event, until the function that it returns is called. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const listeners = (this.listeners_[name] ??= new Set());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /** Does anybody listen? @internal */
  hears_(name: keyof Events): boolean {
    return !!this.listeners_[name]?.size;
  }

  /** Did anybody listen? @internal */
  emit_<Name extends keyof Events>(name: Name, event: Events[Name]): boolean {
    const listeners = [...(this.listeners_[name] ?? [])];
    for (const listener of listeners) {
      // Also a promise that fails is taken care of.
      (async () => listener(event))().catch((cause: unknown) => {
        const error = new CrierError('listener_failed', `a listener of '${name as string}' failed: ${cause}`,
          { cause });
        // Its own failure must not come back to it.
        if (name === 'error' || !this.emit_('error', error)) console.error(error);
      });
    }
    return listeners.length > 0;
  }
}
