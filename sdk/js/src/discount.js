/** @typedef {{sign: string, amount: number}} Amount */

/**
 * @param {string | undefined} price
 * @param {string | undefined} listPrice
 * @returns {number} whole percents that the price is below the list price; 0 where either is unknown or it is not
 */
export function discountPercent(price, listPrice) {
  const [now, before] = [amountOf(price), amountOf(listPrice)];
  if (!now || !before || now.sign !== before.sign || now.amount >= before.amount) return 0;
  return Math.round((1 - now.amount / before.amount) * 100);
}

/**
 * The amount of `S/ 1,234.50`, the one way that the server writes money: commas between thousands, a point before cents.
 * @param {string | undefined} money
 * @returns {Amount | null}
 */
function amountOf(money) {
  const [digits] = /\d[\d,]*(\.\d+)?/.exec(money ?? '') ?? [];
  if (money === undefined || digits === undefined) return null;
  return { sign: money.replace(digits, '').trim(), amount: Number(digits.replaceAll(',', '')) };
}
