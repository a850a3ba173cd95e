// Answers to acknowledgements that ask for one (a double ack): a turn's worth is saved once, and
// leaves when it is on disk (keeps invariant 1). Without a disk there is no answer: the client
// asks again.

import type { ConsumerOwner } from './owner.ts'
import type { Sender } from './sender.ts'

export class AckAnswers<C> {
  readonly #consumer: C
  readonly #owner: ConsumerOwner<C>
  readonly #sender: Sender
  #replies: string[] = []

  constructor(consumer: C, owner: ConsumerOwner<C>, sender: Sender) {
    this.#consumer = consumer
    this.#owner = owner
    this.#sender = sender
  }

  add(reply: string): void {
    this.#replies.push(reply)
  }

  endTurn(): void {
    if (this.#replies.length === 0) return
    const replies = this.#replies
    this.#replies = []
    this.#owner.saveNow(this.#consumer)
    this.#owner.onDisk(this.#consumer, error => {
      if (!error) for (const reply of replies) this.#sender.answer(reply)
    })
  }
}
