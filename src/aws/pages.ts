import { call, type Send } from "./call.ts";

/** One page of a list; `next` = the token of the page after it, undefined where it was the last one. */
interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | undefined;
}

/** Reads every page of a list, one call each. Throws `CallError` as {@link call} does. */
export async function allPages<T>(
  action: string,
  resource: string,
  read: (token: string | undefined, options: Parameters<Send<T>>[0]) => Promise<Page<T>>,
): Promise<readonly T[]> {
  const items: T[] = [];
  for (let token: string | undefined; ;) {
    const page = await call(action, resource, (options) => read(token, options));
    items.push(...page.items);
    if (page.next === undefined) return items;
    token = page.next;
  }
}
