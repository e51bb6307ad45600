// Where a program may notice the preload: each item stands in docs/register.md, word for word.

/** A difference that is meant, or that cannot be avoided. */
export interface Exception {
  /** An item of the list "What a program may notice". */
  readonly text: string
  /** Programs of `test/fixtures/presence` that show it: they differ, and in this way alone. */
  readonly programs: readonly string[]
}

export const exceptions: readonly Exception[] = []
