import type { Reason } from '../api/wire';
import { productName } from '../format';
import type { Words } from '../i18n/i18n';

/** The server's sentence in the reader's language; built here from the code where it sent none. */
export function reasonText(reason: Reason, words: Words): string {
  const sent = words.language === 'es' ? reason.text_es : reason.text_en;
  if (sent) return sent;
  return words.word('reason', reason.code, {
    name: productName(reason.seed_product_name, reason.seed_product_id ?? ''),
    category: reason.category ?? '',
  });
}
