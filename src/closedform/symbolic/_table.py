"""The nodes that are alive, each once: what makes structural identity the same as ``is``."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

if TYPE_CHECKING:
    from closedform.symbolic.expression import Expression

Kind = Literal["constant", "variable", "apply"]


class Draft:
    """The fields of a node while it is being filled; it becomes an `Expression` by a change of class.

    Filling a guarded object field by field through ``object.__setattr__`` takes three times as long.
    """

    finished: ClassVar[type[Draft]]

    __slots__ = (
        "__weakref__",
        "_canonical",
        "_complexity",
        "_digest",
        "_order",
        "_program",
        "_variables",
        "args",
        "depth",
        "kind",
        "n_constants",
        "name",
        "op",
        "size",
        "value",
    )

    def __init__(self, kind: Kind, digest: int, value: Any = None, name: Any = None) -> None:
        self.kind = kind
        self.value = value
        self.name = name
        self.op: Any = None
        self.args: tuple[Expression, ...] = ()
        self.size = self.depth = 1
        self.n_constants = 0
        self._digest = digest
        self._variables: tuple[str, ...] | None = None
        self._canonical: Expression | Literal[True] | None = None
        self._complexity: int | None = None
        self._order: Any = None  # what symbolic/order.py found out about the node
        self._program: Any = None

    def __init_subclass__(cls) -> None:
        """There is one subclass: what drafts become."""
        Draft.finished = cls


class _Ref(weakref.ref[Draft]):
    """A weak reference that knows its key, so that a dead node leaves the table."""

    __slots__ = ("key",)
    key: tuple[Any, ...]


_living: dict[tuple[Any, ...], _Ref] = {}
# Reentrant, because a garbage run inside the lock may build expressions.
_lock = threading.RLock()


def _forget(ref: weakref.ref[Draft]) -> None:
    if isinstance(ref, _Ref) and _living.get(ref.key) is ref:
        del _living[ref.key]


def look_up(key: tuple[Any, ...]) -> Expression | None:
    """Return the living node with this key, or None."""
    ref = _living.get(key)
    return None if ref is None else cast("Expression", ref())


def remember(key: tuple[Any, ...], node: Expression) -> Expression:
    """Enter a new node, or return the one that another thread entered meanwhile."""
    with _lock:
        known = look_up(key)
        if known is not None:
            return known
        ref = _Ref(node, _forget)
        ref.key = key
        _living[key] = ref
    return node
