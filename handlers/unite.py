"""Union of keys: what names one another is one thing."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

Node = TypeVar("Node", bound=Hashable)


class Unions(Generic[Node]):
    """Disjoint sets of nodes; `join` makes one of those that hold the given nodes."""

    def __init__(self) -> None:
        self._parent: dict[Node, Node] = {}

    def find(self, node: Node) -> Node:
        """The node that stands for the set."""
        root = node
        while (parent := self._parent.setdefault(root, root)) != root:
            root = parent
        while (parent := self._parent[node]) != root:
            self._parent[node], node = root, parent
        return root

    def join(self, nodes: Iterable[Node]) -> None:
        first: Node | None = None
        for node in nodes:
            if first is None:
                first = self.find(node)
            else:
                self._parent[self.find(node)] = first

    def sets(self) -> list[set[Node]]:
        found: dict[Node, set[Node]] = {}
        for node in list(self._parent):
            found.setdefault(self.find(node), set()).add(node)
        return list(found.values())
