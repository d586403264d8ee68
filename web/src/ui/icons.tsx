import type { ReactNode } from 'react';

const icon = (drawing: ReactNode) =>
  function Icon() {
    return (
      <svg className="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
        {drawing}
      </svg>
    );
  };

export const Eye = icon(
  <>
    <path d="M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8Z" />
    <circle cx="8" cy="8" r="1.8" />
  </>,
);
export const Cart = icon(
  <>
    <path d="M1.5 2.5h2l1.6 7.5h7.2l1.5-5.5H4" />
    <circle cx="6" cy="13" r=".9" />
    <circle cx="11.4" cy="13" r=".9" />
  </>,
);
export const Bag = icon(<path d="M3.5 5.5h9l.7 8.5H2.8zM5.8 7.5V4.3a2.2 2.2 0 0 1 4.4 0v3.2" />);
export const Search = icon(
  <>
    <circle cx="7" cy="7" r="4.3" />
    <path d="m10.3 10.3 3.5 3.5" />
  </>,
);
export const Heart = icon(<path d="M8 13.5S2 10 2 5.9A3 3 0 0 1 8 4.7 3 3 0 0 1 14 5.900C14 10 8 13.5 8 13.500Z" />);
export const Undo = icon(<path d="M5.5 3 2.5 6l3 3M2.5 6h7a3.5 3.5 0 0 1 0 7H6" />);
export const Tag = icon(
  <>
    <path d="M2.5 2.500h5L14 9l-5 5-6.5-6.500z" />
    <circle cx="5.3" cy="5.3" r=".7" />
  </>,
);
export const Star = icon(<path d="m8 2 1.8 3.8 4.2.5-3.1 2.9.8 4.200L8 11.3 4.3 13.400l.8-4.200L2 6.300l4.2-.5z" />);
export const Spark = icon(<path d="M8 2v3M8 11v3M2 8h3M11 8h3M4 4l1.8 1.800M10.2 10.2 12 12M12 4l-1.8 1.800M5.8 10.2 4 12" />);
export const Page = icon(<path d="M4 2h5l3 3v9H4zM9 2v3h3" />);
export const Pointer = icon(<path d="m3.5 3 9.5 4-4 1.500L7.5 13z" />);
export const Pause = icon(<path d="M5.5 3.500v9M10.5 3.500v9" />);
export const Play = icon(<path d="m5 3 7.5 5L5 13z" />);
export const Refresh = icon(<path d="M13 8a5 5 0 1 1-1.5-3.600M13 2v3h-3" />);
export const Chevron = icon(<path d="m4 6 4 4 4-4" />);
export const Cross = icon(<path d="m4 4 8 8M12 4l-8 8" />);
export const Sun = icon(
  <>
    <circle cx="8" cy="8" r="2.8" />
    <path d="M8 1.500v1.300M8 13.200v1.300M1.5 8h1.300M13.2 8h1.300M3.4 3.400l.9.9M11.7 11.700l.9.9M12.6 3.400l-.9.900M4.3 11.700l-.9.9" />
  </>,
);
export const Moon = icon(<path d="M13 9.500A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.5 6.500Z" />);
export const Screen = icon(<path d="M2 3h12v8H2zM6 14h4M8 11v3" />);
export const Alert = icon(<path d="M8 2.5 14.5 13.500h-13zM8 6.500v3.200M8 11.400v.4" />);
export const Up = icon(<path className="icon-solid" d="m8 4 4.5 7h-9z" />);
export const Down = icon(<path className="icon-solid" d="m8 12 4.5-7h-9z" />);

/** A pane of glass with a V in it: the shop window. */
export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect className="mark-pane" width="32" height="32" rx="8" />
      <path className="mark-frame" d="M8 9.500h16M9.5 9.500v13h13v-13" />
      <path className="mark-v" d="m12.2 13.6 3.8 6.2 3.8-6.2" />
    </svg>
  );
}
