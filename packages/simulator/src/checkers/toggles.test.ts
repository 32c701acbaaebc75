import { describe, expect, it } from 'vitest';
import { checkToggles, type Toggle } from './toggles.js';

const first: Toggle = { client: 1, call: 1, ret: 4, key: 'k', number: 1 };

describe('changes of a key that is watched', () => {
  it('have numbers of their own', () => {
    const others = [
      { ...first, number: 2 },
      { ...first, key: 'j' },
    ];
    expect(checkToggles([first, ...others])).toMatchObject({ violations: [], checked: 3 });
  });

  it('are convicted when two have the same', () => {
    const { violations } = checkToggles([first, { ...first, client: 2, call: 2, ret: 6 }]);
    expect(violations).toMatchObject([{ oracle: 'toggles' }]);
  });
});
