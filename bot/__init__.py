"""A clinic's FAQ chat: cited sentences from the clinic's own articles, or that they don't cover it.

Start with ``pipeline``. The rooms, and what may be touched there:

    schema, config, errors      records, settings, exceptions: what everything else speaks in
    language, lexicon, facets,
    spelling, values            English and the field; knowledge is data in ``data/*.toml``, edit it there
    corpus, chunker             files to articles, articles to passages with exact spans
    encoder, fast_encoder,
    adapt, forms                texts to vectors, and quickly; the encoder fitted to the corpus; which form serves
    rows, dense, sparse, bank,
    classify, logistic          what is embedded; FAISS, BM25, wordings lent, classifiers
    known, embedding, builds,
    index                       what the build before embedded already; the verified folder of all that
    watch, publishing           a build at every save; articles changed on a copy, and put in place with their index
    stores                      published versions, per tenant: in folders, or in PostgreSQL with pgvector; workers
    clinic, texts               the clinic's details and every sentence a visitor reads
    matcher, normalise, polarity,
    rules, smalltalk, tongue,
    memory, safety              what must be said before anything is searched; rules are ``data/safety/*.toml``
    prototypes                  examples of how messages are to be treated, and of what is not covered
    output_check, check         the last look at a reply; what a clinic has still to set and to sign
    rewrite, nearness,
    retriever, answer,
    abstention, reply           question to query to hits to sentences to decision to Reply
    clock                       what one question keeps while it is answered
    batch, __main__             files and the command line
    sets, set_check, metrics,
    support                     questions with what is expected; is one reply right, found, cited
    evaluate, summary, aggregate,
    compare, gate, endpoint     a set to a run, to figures with intervals, against a baseline
    results, report, plots      a run as JSON, JUnit, TREC files and as a page
    calibrate                   fits the decision to answer or decline
    interface, theme            the page's own words in each language; the clinic's colour
    render, contact, pages      a Reply as safe HTML or text; ways to the clinic; whole pages (pure)
    guard, patience, renewal,
    stage, chat_ui, web         the HTTP app: what is let in, how long it is waited for, a new index, what is loaded,
                                the chat, the routes
    hosting, tenant_commands    many clinics' sites in one server; what their operator does
    feedback, staff, migrations whether a reply helped; the database that keeps it
    privacy, recorder, queue    personal data taken out, questions counted, the queue of what failed somebody
    alike, teaching, lessons,
    teacher                     do two questions ask the same; what staff taught, kept, and given at once
    passwords, accounts,
    sign_in, account_commands   who may sign in at the front desk; its door
    enquiry, draft              the questions in an e-mail, a call or a chat; a reply ready to send
    figures                     what visitors ask, counted
    uploads, edition, editions,
    workshop, described,
    comparison, edition_work    articles that staff upload: names, the next edition, its index, before and after
    staff_words, staff_pages,
    desk_pages, queue_pages,
    teach_pages, insights_pages,
    article_pages,
    comparison_pages            the staff's pages (pure); their texts are ``data/staff.toml``
    staff_ui, teach_ui,
    article_ui                  their routes
    embed                       the chat on other people's pages
    monitor, logs               what the operator is told: figures, lines
    deploy/                     the service, the image, the proxy and the runbook
"""

from bot.config import Config
from bot.errors import BotError
from bot.schema import Reply, Turn

__all__ = ["BotError", "Config", "Reply", "Turn"]
