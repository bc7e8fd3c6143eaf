"""How often a network contradicts itself, counted while it answers."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Counted:
    """Answers to voxels that were answered more than once, and those that differ from what came of them."""

    voxels: int = 0
    differ: int = 0

    @property
    def score(self) -> float:
        """Part of the answers that differ: 0 where there is no contradiction."""
        return self.differ / self.voxels if self.voxels else 0.0


@dataclass(frozen=True, slots=True)
class Doubt:
    """Contradictions within one prediction."""

    seams: Counted = field(default_factory=Counted)
    """Of tiles that overlap, with their average."""
    grids: Counted = field(default_factory=Counted)
    """Of averages over tiles that begin elsewhere, with the average, in some of the blocks."""
    mirrors: Counted = field(default_factory=Counted)
    """Of a scan and its mirror images, with their average."""
