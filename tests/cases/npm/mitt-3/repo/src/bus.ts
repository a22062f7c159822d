import mitt, { Emitter } from 'mitt';

/** Tells everyone who listens what was bought. */
export class Bus {
  private readonly emitter: Emitter = mitt();

  listen(heard: (thing: string) => void): void {
    this.emitter.on<string>('bought', (thing) => heard(thing ?? ''));
  }

  tell(thing: string): void {
    this.emitter.emit('bought', thing);
  }
}
