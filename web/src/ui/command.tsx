/** A sentence with `{command}` set as code. */
export function Command({ text, command }: { text: string; command: string }) {
  const [before, after] = text.split('{command}');
  return (
    <>
      {before}
      <code>{command}</code>
      {after}
    </>
  );
}
