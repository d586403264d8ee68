import type { Money } from '../api/wire';

/** How much lower the price is than the list price, as a share; null where either is unknown or it is not lower. */
export function discount(price: Money | null | undefined, listPrice: Money | null | undefined): number | null {
  const [now, before] = [amountOf(price), amountOf(listPrice)];
  if (!now || !before || now.sign !== before.sign || now.amount >= before.amount) return null;
  return 1 - now.amount / before.amount;
}

/** The amount of `S/ 1,234.50`, the one way that the server writes money: commas between thousands, a point before cents. */
function amountOf(money: Money | null | undefined): { sign: string; amount: number } | null {
  if (!money) return null;
  if (typeof money !== 'string') return { sign: money.currency, amount: money.minor };
  const [digits] = /\d[\d,]*(\.\d+)?/.exec(money) ?? [];
  if (digits === undefined) return null;
  return { sign: money.replace(digits, '').trim(), amount: Number(digits.replaceAll(',', '')) };
}
