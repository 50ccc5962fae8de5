//! What a person is writing about the question that is shown. It goes with the question.

export class Draft {
  /** An answer by hand. */
  reply = $state('')
  /** Why it is denied. */
  reason = $state('')
  /** The name that high risk wants typed. */
  named = $state('')
  /** Whether anything was typed into an editor, which keeps its own text. */
  typed = $state(false)

  /** Whether something would be lost that is not in an editor. */
  get written(): boolean {
    return this.reply.trim() !== '' || this.reason.trim() !== ''
  }
}
