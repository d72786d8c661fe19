"""The error tree of the whole product, and the closed list of reasons a peer may be told.

```
IntentcastError
  ProtocolError
    LocalProtocolError      we broke a rule: a bug, or a person's mistake (carries code and fix)
    RemoteProtocolError     the peer did: carries the wire reason and its severity
      FrameError  MessageError  SignatureError  ObjectError
```

`node` adds TransportError, StorageError, KeystoreError and ConfigError under IntentcastError.
Bytes from a peer may raise RemoteProtocolError and nothing else. Facts live in attributes;
`__str__` composes the sentence. Nothing in here knows exit codes or HTTP statuses.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Severity(IntEnum):
    """Fault points a reason costs the peer (docs/protocol/06-gossip.md, "Standing")."""

    NONE = 0
    """Clock, quota or policy: never a fault."""
    BUDGET = 1
    """Pushed more than its link may bring."""
    PROMISE = 2
    """Announced and did not serve."""
    SIGNATURE = 10
    """An invalid signature: costs us a verify."""
    MALFORMED = 20
    """Provably not the protocol."""


class Reason(StrEnum):
    """Why something was refused: stable codes that travel on the wire and stand in logs."""

    BAD_ENCODING = "bad_encoding"
    NOT_CANONICAL = "not_canonical"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    BAD_SHAPE = "bad_shape"
    OUT_OF_RANGE = "out_of_range"
    MUST_UNDERSTAND = "must_understand"
    WRONG_NETWORK = "wrong_network"
    WRONG_VERSION = "wrong_version"
    UNKNOWN_KIND = "unknown_kind"
    BAD_SIGNATURE = "bad_signature"
    BAD_KEY = "bad_key"
    BAD_WORK = "bad_work"
    BAD_SEAL = "bad_seal"
    BAD_HANDSHAKE = "bad_handshake"
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    MISMATCH = "mismatch"
    NOT_PARTY = "not_party"
    UNKNOWN_PARENT = "unknown_parent"
    DUPLICATE = "duplicate"
    QUOTA = "quota"
    POLICY = "policy"
    NOT_OPEN = "not_open"
    NOT_FOUND = "not_found"
    UNEXPECTED = "unexpected"
    OVER_BUDGET = "over_budget"
    STALLED = "stalled"
    SHUTDOWN = "shutdown"
    WITHDRAWN = "withdrawn"
    OUT_OF_STOCK = "out_of_stock"
    TOO_LATE = "too_late"
    CLOSED = "closed"
    REVOKED = "revoked"


_SEVERITY = {
    Reason.OVER_BUDGET: Severity.BUDGET,
    Reason.BAD_SIGNATURE: Severity.SIGNATURE,
    Reason.BAD_KEY: Severity.SIGNATURE,
    Reason.BAD_ENCODING: Severity.MALFORMED,
    Reason.NOT_CANONICAL: Severity.MALFORMED,
    Reason.TOO_LARGE: Severity.MALFORMED,
    Reason.TOO_DEEP: Severity.MALFORMED,
    Reason.BAD_SHAPE: Severity.MALFORMED,
    Reason.OUT_OF_RANGE: Severity.MALFORMED,
    Reason.BAD_WORK: Severity.MALFORMED,
    Reason.BAD_HANDSHAKE: Severity.MALFORMED,
    Reason.UNEXPECTED: Severity.MALFORMED,
}


class IntentcastError(Exception):
    """Root of everything this product raises on purpose.

    Attributes:
        sentence: one plain sentence, no trailing full stop needed by callers.
        code: stable code such as `E-MONEY`, for people and scripts.
        fix: the next thing to do or type; may be empty.
        field: the field or option at fault; may be empty.
    """

    default_code = "E-FAILED"

    def __init__(self, sentence: str, *, code: str = "", fix: str = "", field: str = "") -> None:
        """Keep the facts; nothing is formatted until asked for."""
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code or self.default_code
        self.fix = fix
        self.field = field

    def __str__(self) -> str:
        """Compose the sentence, its code and the next step."""
        text = f"{self.sentence} ({self.code})"
        return f"{text}. {self.fix}" if self.fix else text


class ProtocolError(IntentcastError):
    """A rule of the protocol was broken by somebody."""


class LocalProtocolError(ProtocolError):
    """We, or the person in front of us, broke a rule; carries a code and a fix."""

    default_code = "E-INPUT"


class RemoteProtocolError(ProtocolError):
    """Bytes from elsewhere broke a rule; the only thing such bytes may raise.

    Attributes:
        reason: wire code, one of Reason.
        severity: fault points for the peer that sent it.
    """

    default_code = "E-PEER"

    def __init__(self, reason: Reason, sentence: str = "", *, field: str = "") -> None:
        """Remember the wire reason; `sentence` adds the detail a person may need."""
        detail = sentence or reason.value.replace("_", " ")
        super().__init__(f"{field}: {detail}" if field else detail, field=field)
        self.reason = reason
        self.severity = _SEVERITY.get(reason, Severity.NONE)

    def __str__(self) -> str:
        """Name the reason first, as logs and verdicts do."""
        return f"{self.reason.value}: {self.sentence}"


class FrameError(RemoteProtocolError):
    """A frame or handshake message is not one."""


class MessageError(RemoteProtocolError):
    """A channel message is malformed or out of place."""


class SignatureError(RemoteProtocolError):
    """A signature or key does not hold."""


class ObjectError(RemoteProtocolError):
    """A signed object breaks a rule of its envelope or kind."""
