/** Breakable: an expression that may be broken between its parts, and only in need within a name. */

const JOINTS = /(?<=[=,(])|(?=[.[])/;

/** Render an expression; what is copied from it is the expression unchanged. */
export function Breakable({ text }: { text: string }) {
  return <>{text.split(JOINTS).map((part, at) => [at > 0 && <wbr key={at} />, part])}</>;
}
