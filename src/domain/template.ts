/**
 * Names and parameters of every mail text. The wording is in src/templates/*.liquid; the parameters here are all that a
 * text may use, so a content-free template cannot show content: its parameters hold none.
 */

/** The rule line around everything that the desk puts beside another person's words; replies are cut at it. */
export const DESK_RULE = '-----8<----- postern -----8<-----'

/** Facts shown on top of a relayed mail; each entry is one line `label: value`. */
export type FactLine = { readonly label: string; readonly value: string }

/** What everybody on the way could see of a mail's encryption (G6). */
export type VisibleEncryption = 'desk' | 'other' | 'hidden' | 'nobody' | 'unknown'

export type AcknowledgementParams = {
  readonly desk: string
  readonly tag: string
  readonly received: string
  /** '' when the policy promises no time. */
  readonly answerBy: string
  readonly answerIncludes: string
  readonly firm: boolean
  readonly policy: string
  readonly rules: readonly string[]
  readonly checklist: readonly string[]
  readonly sealedTo: VisibleEncryption
  readonly keyIds: string
  readonly fingerprint: string
}

/** A line of a transcript. */
export type TranscriptLine = {
  readonly command: string
  readonly accepted: boolean
  readonly says: string
}

/** Texts whose parameters carry nothing of any report or notice: the only ones that may leave in clear. */
export type ContentFree =
  | { readonly name: 'acknowledgement'; readonly params: AcknowledgementParams }
  | {
      readonly name: 'refusal'
      readonly params: { readonly desk: string; readonly because: string; readonly remedy: string }
    }
  | {
      readonly name: 'key-request'
      readonly params: { readonly desk: string; readonly tag: string; readonly fingerprint: string }
    }
  | {
      readonly name: 'resend-request'
      readonly params: { readonly desk: string; readonly tag: string; readonly fingerprint: string }
    }
  | {
      readonly name: 'key-problem'
      readonly params: { readonly desk: string; readonly problem: string }
    }

/** Everything that a recipient of an advance notice reads. */
export type NoticeParams = {
  readonly desk: string
  readonly tag: string
  readonly revision: number
  readonly product: string
  readonly tlp: string
  readonly disclosure: string
  readonly fields: readonly { readonly label: string; readonly text: string }[]
  readonly patches: readonly {
    readonly filename: string
    readonly sha256: string
    readonly size: number
  }[]
  readonly noPatches: string
  readonly fingerprint: string
}

/** Texts that leave sealed only. */
export type Confidential =
  | {
      readonly name: 'relay'
      readonly params: {
        readonly facts: readonly FactLine[]
        readonly warnings: readonly string[]
        readonly text: string
        readonly outsideText: string
        readonly files: readonly string[]
        readonly reach: string
        readonly ref: string
      }
    }
  | {
      readonly name: 'note'
      readonly params: {
        readonly author: string
        readonly facts: readonly FactLine[]
        readonly text: string
        readonly reach: string
        readonly ref: string
      }
    }
  | {
      readonly name: 'activity'
      readonly params: {
        readonly author: string
        readonly lines: readonly string[]
        readonly texts: readonly { readonly title: string; readonly text: string }[]
        readonly facts: readonly FactLine[]
        readonly ref: string
      }
    }
  | {
      readonly name: 'transcript'
      readonly params: {
        readonly lines: readonly TranscriptLine[]
        readonly ran: boolean
        readonly before: string
        readonly after: string
        readonly missing: readonly string[]
        readonly blocks: readonly string[]
        readonly ref: string
      }
    }
  | {
      readonly name: 'preview'
      readonly params: {
        readonly by: string
        /** The specimen: exactly what a member would read. */
        readonly notice: NoticeParams
        readonly files: readonly string[]
        readonly facts: readonly FactLine[]
        readonly code: string
        readonly ref: string
      }
    }
  | {
      readonly name: 'alert'
      readonly params: {
        readonly title: string
        readonly what: string
        readonly doNext: string
        readonly facts: readonly FactLine[]
        readonly ref: string
      }
    }
  | {
      readonly name: 'digest'
      readonly params: {
        readonly desk: string
        readonly unanswered: readonly string[]
        readonly moreUnanswered: number
        readonly junk: readonly string[]
        readonly moreJunk: number
      }
    }
  | { readonly name: 'notice'; readonly params: NoticeParams }
  | {
      readonly name: 'date-notice'
      readonly params: {
        readonly desk: string
        readonly tag: string
        readonly product: string
        readonly disclosure: string
        readonly fingerprint: string
      }
    }

/** A person's words to the reporter: sealed, or in clear under the one exception of G3. */
export type PersonalReply = {
  readonly name: 'reply'
  readonly params: {
    readonly desk: string
    readonly tag: string
    readonly author: string
    readonly text: string
    /** What was decided, in a sentence; '' for a plain reply. */
    readonly decision: string
    readonly inClear: boolean
    readonly fingerprint: string
  }
}

export type Template = ContentFree | Confidential | PersonalReply
export type TemplateName = Template['name']
