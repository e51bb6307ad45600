// Waits until `handoff run --watch` notices edits.

import type { Output } from './output.ts'

/**
 * Resolves when the supervisor reports that it watches. It misses an edit of before, and the server may serve
 * earlier or later than that.
 *
 * @param from - the line of the output from which to look.
 */
export async function watching({ output }: { output: Output }, from = 0): Promise<void> {
  await output.waitFor(/^! .*watching .* for changes/, { from })
}
