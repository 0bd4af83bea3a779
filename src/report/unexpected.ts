/** A name that a programmer gave to a kind of error. Others may come out of a reply. */
const NAME = /^[A-Z][A-Za-z]{0,40}$/;
const FRAME = /\/(?:dist|src)\/([\w/-]+\.[jt]s:\d+):\d+\)?$/;
const ELSEWHERE = /\/node_modules\/(?!keyturn\/)/;

/** So many places tell where a bug is. */
const PLACES = 4;

/**
 * An error that nobody foresaw, in one line: its name, and where in this package it was thrown. Its message, its cause and
 * what hangs on it are left out: they may hold a reply of AWS, and with it a secret.
 */
export function unexpectedWords(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const name = NAME.test(error.name) && /(Error|Exception)$/.test(error.name) ? error.name : "Error";
  const places = placesIn(error);
  return places.length === 0 ? name : `${name} (at ${places.join(", ")})`;
}

/** The innermost places of this package on the stack. What stands before the first frame is the message, of however many lines. */
function placesIn({ stack, message }: Error): readonly string[] {
  if (typeof stack !== "string" || typeof message !== "string") return [];
  const frames = stack.slice(stack.indexOf(message) + message.length).split("\n");
  const ours = frames.filter((frame) => !ELSEWHERE.test(frame));
  const places = ours.map((frame) => FRAME.exec(frame)?.[1]).filter((place) => place !== undefined);
  return places.slice(0, PLACES);
}
