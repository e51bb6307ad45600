// The findings of `handoff doctor`.

export type Finding =
  | { readonly level: 'ok'; readonly what: string }
  | {
      /** `problem`: a server cannot start, or a handoff loses something. */
      readonly level: 'note' | 'problem'
      readonly what: string
      readonly why: string
      readonly remedy: string
    }

export function ok(what: string): Finding {
  return { level: 'ok', what }
}

export function note(what: string, why: string, remedy: string): Finding {
  return { level: 'note', what, why, remedy }
}

export function problem(what: string, why: string, remedy: string): Finding {
  return { level: 'problem', what, why, remedy }
}
