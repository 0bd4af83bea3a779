import { fstatSync, statSync } from "node:fs";
import { devNull } from "node:os";

/**
 * Whether whatever is written to this descriptor is gone: it is the null device. That also stands where the descriptor was
 * closed from the start (`>&-`): Node.js opens the null device in its place, so writing never fails.
 */
export function isDiscarded(descriptor: number): boolean {
  try {
    const found = fstatSync(descriptor);
    return found.isCharacterDevice() && found.rdev !== 0 && found.rdev === statSync(devNull).rdev;
  } catch {
    return false; // whoever writes there finds out what is wrong with it
  }
}
