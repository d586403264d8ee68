import { useId, useState, type FormEvent } from 'react';

import { productName } from '../format';
import { useWords } from '../i18n/i18n';
import { Cross } from '../ui/icons';
import type { Shown } from './use-preview';

interface Props {
  placement: 'product' | 'cart';
  shown: Shown;
  isAutomatic: boolean;
  /** Null goes back to the history's choice. */
  onContext(context: readonly string[] | null): void;
}

/** Shows, and lets the reader change, the products that a product page or a cart starts from. */
export function ContextPicker({ placement, shown, isAutomatic, onContext }: Props) {
  const { t } = useWords();
  const { context, names } = shown;
  const nameOf = (id: string) => productName(names.get(id), id);
  const add = (id: string) => onContext(placement === 'product' ? [id] : [...new Set([...context, id])]);
  return (
    <div className="context">
      <span className="field-label">{t(`preview.context.${placement}`)}</span>
      {context.length === 0 ? (
        <span className="muted">{t('preview.context.none')}</span>
      ) : (
        <ul className="chips">
          {context.map((id) => (
            <li key={id} className="chip chip-still">
              <span className="chip-text">{nameOf(id)}</span>
              <button
                type="button"
                className="chip-remove"
                aria-label={t('preview.context.remove', { name: nameOf(id) })}
                onClick={() => onContext(context.filter((other) => other !== id))}
              >
                <Cross />
              </button>
            </li>
          ))}
        </ul>
      )}
      {isAutomatic ? (
        context.length > 0 && <span className="muted">{t('preview.context.automatic')}</span>
      ) : (
        <button type="button" className="link" onClick={() => onContext(null)}>
          {t('preview.context.reset')}
        </button>
      )}
      <AddProduct label={t(placement === 'product' ? 'preview.context.set_button' : 'preview.context.add_button')} names={names} onAdd={add} />
    </div>
  );
}

function AddProduct({ label, names, onAdd }: { label: string; names: ReadonlyMap<string, string>; onAdd(id: string): void }) {
  const { t } = useWords();
  const listId = useId();
  const [text, setText] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const id = text.trim();
    if (!id) return;
    onAdd(id);
    setText('');
  };
  return (
    <form className="context-add" onSubmit={submit}>
      <input
        className="input input-small"
        aria-label={t('preview.context.add')}
        placeholder={t('preview.context.add')}
        list={listId}
        value={text}
        onChange={(change) => setText(change.target.value)}
        autoComplete="off"
        maxLength={200}
      />
      <datalist id={listId}>
        {[...names].map(([id, name]) => (
          <option key={id} value={id} label={name} />
        ))}
      </datalist>
      <button type="submit" className="button">
        {label}
      </button>
    </form>
  );
}
