"""The exceptions of the package; every message ends with what to do.

BotError                    anything this package raises on purpose
+-- ConfigError             a setting or clinic.toml is wrong
+-- DataError               a data file of the package (patterns, texts) is wrong
+-- CorpusError             an article can't be read
+-- EncoderError            the model is missing, altered or can't be loaded
+-- IndexError_             the index can't be used
|   +-- IndexMissing        there is none yet
|   +-- IndexStale          corpus, model, chunking or version changed since the build
|   +-- IndexDamaged        a file is missing, truncated or altered
+-- StateError              the database of feedback, queue and teaching can't be used
|   +-- StateNewer          a newer version of this program wrote it
|   +-- Changed             somebody else changed the record in the meantime (in queue, lessons)
|   +-- Missing             there is no such record
+-- StoreError              published articles can't be read or written
|   +-- StoreLost           the database can't be reached
|   +-- TenantMissing       there is no such tenant
|   +-- VersionMissing      a version is not kept, or none was published
|   +-- TenantLimit         a tenant may not have so much
+-- TeachError              what is to be taught can't be (in lessons)
+-- EditionError            articles that staff upload can't be taken, built or published (in editions)
+-- AccountError            an account of the staff can't be made, changed or signed in to
+-- EndpointError           a server that is evaluated can't be asked (in endpoint)
+-- MessageError            a request or a line of a batch is malformed
    +-- SetError            a regression set can't be used (in sets)
"""

from __future__ import annotations


class BotError(Exception):
    """Base of all errors raised on purpose. ``str(error)`` is fit to show to an operator."""


class ConfigError(BotError):
    """A setting or ``clinic.toml`` is wrong."""


class DataError(BotError):
    """A data file of the package is wrong; names the file and the line or entry."""


class CorpusError(BotError):
    """An article can't be read; names the file, the line where known, and the remedy."""


class EncoderError(BotError):
    """The model is missing, altered or can't be loaded."""


class IndexError_(BotError):
    """The index can't be used. The underscore keeps Python's own ``IndexError`` apart."""


class IndexMissing(IndexError_):
    """There is no index in the folder."""


class IndexStale(IndexError_):
    """The index was built from another corpus, model, chunking or version."""


class IndexDamaged(IndexError_):
    """A file of the index is missing, truncated or altered."""


class StateError(BotError):
    """The database of feedback, queue and teaching can't be used."""


class StateNewer(StateError):
    """A newer version of this program wrote the database."""


class Changed(StateError):
    """Somebody else changed the record since it was read; ``current`` is the record as it is now. Nothing was lost."""

    def __init__(self, message: str, current: object) -> None:
        super().__init__(message)
        self.current = current


class Missing(StateError):
    """There is no such record: it was never there, or kept no longer."""


class StoreError(BotError):
    """Published articles can't be read or written."""


class StoreLost(StoreError):
    """The database can't be reached; what was loaded from it is still served."""


class TenantMissing(StoreError):
    """There is no such tenant."""


class VersionMissing(StoreError):
    """A version is not kept, or nothing was published yet."""


class TenantLimit(StoreError):
    """A tenant may not have so much; nothing was changed."""


class TeachError(BotError):
    """What is to be taught can't be: says why and what to do."""


class EditionError(BotError):
    """Articles that staff upload can't be taken, built or published: says why and what to do."""


class AccountError(BotError):
    """An account of the staff can't be made, changed or signed in to."""


class MessageError(BotError):
    """A request or a batch line is malformed."""
