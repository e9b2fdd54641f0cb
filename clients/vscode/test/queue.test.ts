import { strict as assert } from 'node:assert';
import { test } from 'node:test';

import { Queue } from '../src/queue.ts';

test('work is done one after the other, also after a failure', async () => {
  const queue = new Queue();
  const said: string[] = [];
  const work =
    (name: string, fails = false) =>
    async (): Promise<string> => {
      said.push(`${name} begins`);
      await new Promise(setImmediate);
      said.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    };
  const results = await Promise.allSettled([
    queue.run(work('one')),
    queue.run(work('two', true)),
    queue.run(work('three')),
  ]);
  assert.deepEqual(said, ['one begins', 'one ends', 'two begins', 'two ends', 'three begins', 'three ends']);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
});
