"""Root cause first: many symptoms, one fault to name. Changes what is shown, never what is done.

Three steps, each a pure function of the picture: conclude what no single detector can see, link
every symptom to the cause that explains it best, and say of each cause why and how surely. Equal
pictures give equal answers, in whatever order their faults are listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from laddvakt_agent.core.diagnose.conclude import Conclusion, conclusions
from laddvakt_agent.core.diagnose.links import (
    RETURN_S,
    SITE_CODES,
    TOGETHER_S,
    TWIN_FOLD_S,
    Link,
    Scope,
)
from laddvakt_agent.core.diagnose.notes import blamed, notes
from laddvakt_agent.core.diagnose.picture import Picture
from laddvakt_agent.core.diagnose.rows import LINKS
from laddvakt_agent.core.faults.rules import Act, CauseClass, Severity
from laddvakt_agent.core.model import ActiveFault

TAIL_S = 60.0  # a symptom may be raised so long after its cause has cleared

Key = tuple[float, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One fault to name, with the faults it explains.

    `because` has one line for each symptom. `stands` False: it has cleared a while ago, or was
    concluded from its symptoms; no fault of that name stands now.
    """

    fault: ActiveFault
    symptoms: tuple[ActiveFault, ...] = ()
    because: tuple[str, ...] = ()
    stands: bool = True
    suspected: str = ""  # what it is not sure of; empty while it is
    also: tuple[str, ...] = ()  # what else is known of it
    cause_class: CauseClass = CauseClass.OWN  # vehicle and grid only with evidence


@dataclass(frozen=True, slots=True)
class _Node:
    fault: ActiveFault
    cleared_s: float | None = None  # it stood until then
    concluded: Conclusion | None = None  # what follows from others, whether it stands or not
    stands: bool = True

    @property
    def key(self) -> Key:
        return _key(self.fault)


@dataclass(frozen=True, slots=True)
class _Edge:
    cause: _Node
    why: str


@dataclass(slots=True)
class _Tree:
    """Each symptom with its cause; no circle can arise."""

    above: dict[_Node, _Edge] = field(default_factory=dict)

    def root(self, node: _Node) -> _Node:
        while node in self.above:
            node = self.above[node].cause
        return node

    def hang(self, symptom: _Node, edges: Sequence[_Edge]) -> None:
        """Under the first of these causes that is not itself below the symptom."""
        for edge in edges:
            if self.root(edge.cause) is not symptom:
                self.above[symptom] = edge
                return


def diagnose(picture: Picture) -> tuple[Cause, ...]:
    """Every standing fault once: as a cause, or as a symptom of one. The cause to name comes first.

    First are those that stop charging, then those that let no session begin, then those that
    reduce it, then the others, at last what is only told; the earliest of each first.
    """
    nodes = _nodes(picture)
    tree = _Tree()
    for symptom in nodes:
        if symptom.stands or symptom.concluded is None:
            tree.hang(symptom, _explaining(symptom, nodes, picture))
    found = [_cause(root, nodes, tree, picture) for root in _roots(nodes, tree)]
    return tuple(sorted(found, key=lambda cause: _rank(cause, picture)))


def _key(fault: ActiveFault) -> Key:
    return fault.since_s, fault.code, fault.subject


def _rank(cause: Cause, picture: Picture) -> tuple[int, float, Key]:
    faults = (cause.fault, *cause.symptoms)
    act = min(max(fault.act for fault in faults), Act.RAMP)  # a trip is no worse than a ramp here
    told = all(picture.severity(fault) is Severity.INFO for fault in faults)
    urgency = len(Act) if told else Act.RAMP - act
    return urgency, min(picture.onset_s(fault) for fault in faults), _key(cause.fault)


def _nodes(picture: Picture) -> tuple[_Node, ...]:
    """Everything that can explain or be explained, in one order whatever order it came in."""
    made = {_identity(conclusion.fault): conclusion for conclusion in conclusions(picture)}
    standing = {_identity(fault): fault for fault in picture.standing}
    nodes = {
        *(_Node(fault, concluded=made.get(name)) for name, fault in standing.items()),
        *(
            _Node(conclusion.fault, concluded=conclusion, stands=False)
            for name, conclusion in made.items()
            if name not in standing
        ),
        *(
            _Node(past.fault, past.cleared_s, stands=False)
            for past in picture.past
            if picture.now_s <= past.cleared_s + RETURN_S and _identity(past.fault) not in standing
        ),
    }
    return tuple(sorted(nodes, key=lambda node: (node.key, node.cleared_s or 0.0)))


def _identity(fault: ActiveFault) -> tuple[str, str]:
    return fault.code, fault.subject


def _explaining(symptom: _Node, nodes: Sequence[_Node], picture: Picture) -> list[_Edge]:
    """Every cause for it, the best first: a conclusion, what stands, then the earliest."""
    edges = [
        _Edge(cause, why)
        for cause in nodes
        if cause is not symptom and (why := _why(cause, symptom, picture))
    ]
    return sorted(edges, key=lambda e: (e.cause.concluded is None, not e.cause.stands, e.cause.key))


def _why(cause: _Node, symptom: _Node, picture: Picture) -> str:
    """Why the one explains the other; empty when it does not."""
    one, other = cause.fault, symptom.fault
    if cause.concluded is not None and (why := cause.concluded.explains(other)):
        return why
    if one.code == other.code:
        return _twin(cause, symptom, picture)
    for link in LINKS.get(one.code, ()):
        if other.code not in link.symptoms or not _timely(link, cause, symptom, picture):
            continue
        if _near(link.scope, one, other, picture) and _visited(link, one, picture):
            return f"{link.why} ({_told_s(other.since_s - one.since_s)})"
    return ""


def _twin(cause: _Node, symptom: _Node, picture: Picture) -> str:
    """The same supply symptom at two places within two seconds has one cause before both."""
    one, other = cause.fault, symptom.fault
    if one.code not in SITE_CODES or cause.key >= symptom.key:
        return ""
    apart_s = other.since_s - one.since_s
    folded = cause.cleared_s is None or picture.now_s <= cause.cleared_s + TWIN_FOLD_S
    if apart_s > TOGETHER_S or not folded or _near(Scope.PLACE, one, other, picture):
        return ""
    return f"the same at {one.subject}, {apart_s:.1f} s apart: one cause, before both"


def _timely(link: Link, cause: _Node, symptom: _Node, picture: Picture) -> bool:
    after_s = symptom.fault.since_s - cause.fault.since_s
    ended_s = cause.cleared_s
    if ended_s is not None and (
        symptom.fault.since_s > ended_s + TAIL_S or picture.now_s > ended_s + link.fold_s
    ):
        return False
    return -link.lead_s <= after_s <= link.within_s


def _near(scope: Scope, one: ActiveFault, other: ActiveFault, picture: Picture) -> bool:
    if one.subject == other.subject:
        return True
    if scope is Scope.DEVICE:
        return False
    line = picture.line_of(other.subject)
    if scope is Scope.LINE and line is not None:
        return line == picture.line_of(one.subject)
    return bool(picture.places(one.subject) & picture.places(other.subject))


def _visited(link: Link, cause: ActiveFault, picture: Picture) -> bool:
    """Whether a vehicle was there, or was not, where that matters."""
    if link.vehicle is None:
        return True
    there = any(
        visit.from_s <= cause.since_s <= (visit.until_s or cause.since_s)
        for beside in picture.beside(cause.subject)
        for visit in beside.visits
    )
    return there is link.vehicle


def _told_s(after_s: float) -> str:
    return f"{abs(after_s):.1f} s {'later' if after_s >= 0.0 else 'before it was certain'}"


def _roots(nodes: Sequence[_Node], tree: _Tree) -> Iterator[_Node]:
    """Causes that explain something standing, or stand themselves."""
    yield from dict.fromkeys(tree.root(node) for node in nodes if node.stands)


def _cause(root: _Node, nodes: Sequence[_Node], tree: _Tree, picture: Picture) -> Cause:
    symptoms = [n for n in nodes if n.stands and n is not root and tree.root(n) is root]
    suspected, also = notes(root.fault, picture)
    if root.concluded is not None:
        suspected, also = root.concluded.suspected, (root.concluded.told, *also)
    elif root.cleared_s is not None:
        also = (f"it cleared {picture.now_s - root.cleared_s:.0f} s ago", *also)
    return Cause(
        fault=root.fault,
        symptoms=tuple(node.fault for node in symptoms),
        because=tuple(tree.above[node].why for node in symptoms),
        stands=root.stands,
        suspected=suspected,
        also=also,
        cause_class=blamed(root.fault, picture),
    )
