import { describe, expect, it } from 'vitest';

import type { Action, Candidate, Rule, Schedule } from '../src/api/wire';
import { wordsFor } from '../src/i18n/i18n';
import { rankDropped, ruleIn, scoreBar, tallySources } from '../src/preview/trace';
import { activityAt, changesOf, conflictsOf } from '../src/rules/draft';
import { fieldsOf, idFor, needsWhere, ruleOf, withKind, wrongAt } from '../src/rules/fields';
import { ruleSentence } from '../src/rules/sentence';

const plain = (text: string) => text.replaceAll(/[\u00a0\u202f\u2009]/g, ' ');
const pin: Rule = { rule_id: 'a', name: 'Navidad', enabled: true, target: { placements: ['home'] }, action: { kind: 'pin', product_ids: ['x', 'y', 'z'], position: 1 } };

describe('a rule in words', () => {
  const said = (language: 'es' | 'en', action: Action, target: Rule['target'] = {}, where?: string) =>
    plain(ruleSentence({ action, target }, where, wordsFor(language, 'America/Lima')));

  it('says what, where and when', () => {
    const target = { placements: ['home'], schedule: { from: '2026-12-01', until: '2026-12-15' } };
    expect(said('es', pin.action, target)).toBe('Fija 3 productos desde el puesto 1, en Inicio, del 1 al 15 de diciembre de 2026');
    expect(said('en', pin.action, target)).toBe('Pins 3 products from place 1 on, in Home, from December 1 to 15, 2026');
  });

  it('names the condition, the shoppers and the pages', () => {
    const target = { placements: ['email', 'moon-base'], segments: ['vip', 'new'], categories: ['Moda'] };
    expect(said('es', { kind: 'boost', factor: 2 }, target, 'stock > 3')).toBe(
      'Multiplica por 2 la relevancia de los productos con stock > 3, en Correo y moon-base, en páginas de Moda, para vip o nuevos',
    );
    expect(said('es', { kind: 'bury', factor: 0.5 }, {}, 'stock < 3')).toBe('Baja al 50% la relevancia de los productos con stock < 3, en todas partes');
  });

  it('says a cap with its attribute, its condition or both', () => {
    expect(said('es', { kind: 'cap', max: 1 }, {}, 'a')).toBe('Deja a lo más 1 producto con a, en todas partes');
    expect(said('es', { kind: 'cap', max: 2, attribute: 'seller' })).toBe('Deja a lo más 2 productos por vendedor, en todas partes');
    expect(said('en', { kind: 'cap', max: 2, attribute: 'attributes.talla' }, {}, 'a')).toBe('Leaves at most 2 products for each talla among those with a, everywhere');
  });

  it('says each part of a schedule', () => {
    const when = (schedule: Schedule) => said('es', { kind: 'exclude' }, { schedule }, 'a').replace('Quita los productos con a, en todas partes, ', '');
    expect(when({ from: '2026-11-27T18:00' })).toMatch(/^desde el 27 de noviembre de 2026.* 18:00$/);
    expect(when({ from: '2026-11-27', until: '2026-11-27' })).toBe('el 27 de noviembre de 2026');
    expect(when({ weekdays: ['sat', 'sun'], hours: [8, 23] })).toBe('cada sábado y domingo, de 8 a 23 h');
    expect(when({ occasions: ['quincena', 'navidad'] })).toBe('en quincena o Navidad');
  });

  it('shows the raw word of a newer server', () => {
    expect(said('es', { kind: 'spot_light' } as unknown as Action)).toBe('spot light, en todas partes');
  });
});

describe('when a rule is on', () => {
  // A Monday.
  const at = (schedule: Schedule | undefined, enabled = true) => activityAt(enabled, schedule, '2026-11-23T10:30:00');

  it('goes by days to their end and by times to the moment', () => {
    expect([at(undefined), at({}), at({}, false)]).toEqual(['on', 'on', 'off']);
    expect(at({ from: '2026-11-23', until: '2026-11-23' })).toBe('on');
    expect(at({ from: '2026-11-24' })).toBe('before');
    expect(at({ until: '2026-11-22' })).toBe('over');
    expect([at({ from: '2026-11-23T10:30' }), at({ from: '2026-11-23T10:31:00' })]).toEqual(['on', 'before']);
    expect([at({ until: '2026-11-23T10:30:00' }), at({ until: '2026-11-23T10:31:00' })]).toEqual(['over', 'on']);
  });

  it('rests on other weekdays and at other hours, also past midnight', () => {
    expect([at({ weekdays: ['mon'] }), at({ weekdays: ['tue'] })]).toEqual(['on', 'resting']);
    expect([at({ hours: [9, 10] }), at({ hours: [10, 11] }), at({ hours: [22, 11] }), at({ hours: [22, 2] })]).toEqual(['resting', 'on', 'on', 'resting']);
  });

  it('leaves occasions to the server', () => {
    expect([at({ occasions: ['navidad'] }), at({ occasions: ['navidad'], until: '2026-11-01' })]).toEqual(['calendar', 'over']);
  });
});

describe('the draft', () => {
  it('tells what is new, changed and removed against what is served', () => {
    const [b, c] = [{ ...pin, rule_id: 'b' }, { ...pin, rule_id: 'c' }];
    const changes = changesOf([pin, { ...b, enabled: false }], [b, c]);
    expect([...changes.added]).toEqual(['a']);
    expect(changes.changed.get('b')).toEqual(b);
    expect(changes.removed).toEqual([c]);
  });

  it('gives each rule its conflicts', () => {
    const conflict = { rules: ['a', 'b'], code: 'pins_collide', detail: '' };
    expect([conflictsOf('b', [conflict]), conflictsOf('c', [conflict])]).toEqual([[conflict], []]);
  });
});

describe('the form of a rule', () => {
  const rules: Rule[] = [
    pin,
    {
      rule_id: 'b',
      name: '',
      enabled: false,
      target: {
        placements: ['home', 'moon'],
        segments: ['vip'],
        categories: ['Casa, jardín'],
        schedule: { from: '2026-11-27T18:00:00', until: '2026-11-30', weekdays: ['mon'], hours: [22, 2], occasions: ['navidad'] },
      },
      where: ' stock > 3',
      action: { kind: 'cap', attribute: 'brand', max: 2 },
    },
    { rule_id: 'c', name: '', enabled: true, target: {}, where: 'stock > 3', action: { kind: 'exclude' } },
    { rule_id: 'd', name: '', enabled: true, target: {}, where: 'stock > 3', action: { kind: 'boost', factor: 1.05 } },
    { rule_id: 'e', name: '', enabled: true, target: {}, action: { kind: 'diversify', strength: 0.3 } },
    { rule_id: 'f', name: '', enabled: true, target: {}, action: { kind: 'same', attribute: 'attributes.talla' } },
    { rule_id: 'g', name: '', enabled: true, target: {}, where: 'stock > 3', action: { kind: 'include', places: 2 } },
  ];

  it.each(rules)('gives back what it was given: $rule_id', (rule) => {
    expect({ rule_id: rule.rule_id, ...ruleOf(fieldsOf(rule)) }).toEqual(rule);
  });

  it('leaves out what another action does not take', () => {
    const fields = withKind({ ...fieldsOf(null), where: 'stock > 3', attribute: 'brand' }, 'diversify');
    expect(ruleOf(fields)).toEqual({ name: '', enabled: true, target: {}, action: { kind: 'diversify', strength: 0.3 } });
  });

  it('wants a condition where the server does', () => {
    const fields = fieldsOf(null);
    expect([needsWhere(fields), needsWhere({ ...fields, kind: 'boost' }), needsWhere({ ...fields, kind: 'cap' })]).toEqual([false, true, true]);
    expect(needsWhere({ ...fields, kind: 'cap', attribute: 'brand' })).toBe(false);
  });

  it('names a new rule after its name, as no other is', () => {
    expect(idFor(' Más niños: ¡50 %! ', new Set())).toEqual({ rule_id: 'mas-ninos-50' });
    expect(idFor('Navidad', new Set(['navidad', 'navidad-2']))).toEqual({ rule_id: 'navidad-3' });
    expect(idFor('¡!', new Set())).toEqual({});
  });

  it('finds the character that the server points at', () => {
    expect(wrongAt('rule x: where: `precio` is no field; did you mean `price`? at character 1: ▸precio <= 200')).toBe(0);
    expect(wrongAt('rule x: action.factor must be above 1, got 0.5')).toBeNull();
  });
});

describe('how a slate was made', () => {
  const candidate = (source: string, position?: number): Candidate => ({ product_id: 'x', source, score: 1, parts: [], ...(position && { position }) });

  it('counts what each source gave, those with most places first', () => {
    const candidates = [candidate('popular', 1), candidate('personal', 2), candidate('personal', 3), candidate('popular'), candidate('deals')];
    expect(tallySources(candidates)).toEqual([
      { source: 'personal', shown: 2, found: 2 },
      { source: 'popular', shown: 1, found: 2 },
      { source: 'deals', shown: 0, found: 1 },
    ]);
  });

  it('ranks what kept products off, and knows rules by their names', () => {
    expect(rankDropped({ stock: 1, purchased: 3, cap: 1 })).toEqual([
      ['purchased', 3],
      ['cap', 1],
      ['stock', 1],
    ]);
    expect([ruleIn('rule:navidad'), ruleIn('stock')]).toEqual(['navidad', null]);
  });

  it('draws sources, rules and value against the best score', () => {
    const part = (name: string, value: number) => ({ name, value });
    expect(scoreBar([part('personal', 1), part('deals', 1), part('rule:a', 1), part('value', -1)], 4)).toEqual([
      { className: 'bar-fill', share: 0.5 },
      { className: 'fill-violet', share: 0.25 },
      { className: 'fill-amber', share: 0 },
    ]);
    expect(scoreBar([part('personal', -1)], -1)).toEqual([{ className: 'bar-fill', share: 0 }]);
  });
});
