import type { Content } from '../api/wire';

export interface ContentState {
  state: 'none' | 'encoded' | 'encoding' | 'words';
  done: number;
  of: number;
}

/** `encoding` while texts wait for the encoder, `words` where there is none or where it stopped. */
export function contentState({ products, encoded, encoder, problem, encoding }: Content): ContentState {
  const state = (name: ContentState['state'], done = encoded, of = products): ContentState => ({ state: name, done, of });
  if (encoding) return state('encoding', encoding.done, encoding.of);
  if (products === 0) return state('none');
  if (problem !== null || encoder === undefined) return state('words');
  return encoded < products ? state('encoding') : state('encoded');
}
