// Choices that outlive the page, in local storage. Where the browser forbids it they last as long as the page.

export function recall<T extends string>(name: string, allowed: readonly T[], otherwise: T): T {
  try {
    const kept = localStorage.getItem(`vitrina.${name}`);
    return allowed.find((value) => value === kept) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`vitrina.${name}`, value);
  } catch {
    // Nothing to do: the choice holds until the page closes.
  }
}
