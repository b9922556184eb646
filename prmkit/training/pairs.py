"""Losses over responses of one prompt: which is better, not how good each is.

What is compared with what are the `prmkit.training.groups` of a batch; `collate_rankings` makes tensors of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from prmkit.errors import ShapeError
from prmkit.training.groups import Group


class Comparison(StrEnum):
    """How responses are compared."""

    PAIRWISE = "pairwise"
    """Bradley-Terry on every pair, with margins (Llama 2, arXiv:2307.09288)."""
    LISTWISE = "listwise"
    """Plackett-Luce on whole rankings (K-wise maximum likelihood, Zhu et al. 2023, arXiv:2301.11270; Starling)."""


@dataclass(frozen=True, slots=True)
class Rankings:
    """The rankings of a batch, one entry per ranked response: M of them. A response may be in several rankings."""

    items: Tensor
    """int64 `[M]`: the row, counted through the batch."""
    ranks: Tensor
    """float32 `[M]`; infinite where the order is not known."""
    lists: Tensor
    """int64 `[M]`: the ranking it belongs to."""
    prompts: Tensor
    """int64 `[M]`: the group it belongs to, from 0."""
    margins: Tensor
    """float32 `[M]`: of the ranking."""
    weights: Tensor
    """float32 `[G]`: of the groups."""

    def to(self, device: torch.device | str) -> "Rankings":
        """The same on a device."""
        return Rankings(*(getattr(self, name).to(device) for name in self.__slots__))


def collate_rankings(groups: Sequence[Group]) -> Rankings:
    """Rankings of a batch whose rows are those of the groups, one group after the other."""
    firsts = accumulate((len(group.rows) for group in groups), initial=0)
    entries = [
        (first + item, float("inf") if rank is None else rank, prompt, ranking.margin)
        for prompt, (group, first) in enumerate(zip(groups, firsts, strict=False))
        for ranking in group.rankings
        for item, rank in zip(ranking.items, ranking.ranks, strict=True)
    ]
    sizes = torch.tensor([len(ranking.items) for group in groups for ranking in group.rankings])
    items, ranks, prompts, margins = zip(*entries, strict=True)
    return Rankings(
        items=torch.tensor(items),
        ranks=torch.tensor(ranks, dtype=torch.float32),
        lists=torch.repeat_interleave(sizes),
        prompts=torch.tensor(prompts),
        margins=torch.tensor(margins, dtype=torch.float32),
        weights=torch.tensor([group.weight for group in groups], dtype=torch.float32),
    )


Terms = tuple[Tensor, Tensor, Tensor]
"""Terms of a loss, their shares in a mean, and the prompts they belong to, `[T]` each."""


def comparison_loss(how: Comparison, scores_N: Tensor, rankings: Rankings, *, balanced: bool = True) -> Tensor:
    """`pairwise_loss` or `listwise_loss`."""
    total = comparison_total(how, scores_N, rankings, balanced=balanced)
    return total / comparison_weight(how, rankings, balanced=balanced)


def comparison_total(how: Comparison, scores_N: Tensor, rankings: Rankings, *, balanced: bool = True) -> Tensor:
    """The loss of some prompts as a sum: divided by the `comparison_weight` of a batch that they are part of, it is
    their part of that batch's loss. Arguments and errors as of `pairwise_loss`.
    """
    terms_T, shares_T, prompts_T = _terms(how, scores_N, rankings)
    if not balanced:
        return (terms_T * shares_T).sum()
    sums_G = torch.zeros_like(rankings.weights).index_add(0, prompts_T, terms_T * shares_T)
    counts_G = torch.zeros_like(rankings.weights).index_add(0, prompts_T, shares_T)
    if not bool(counts_G.all()):
        raise ShapeError(f"prompt {int(counts_G.argmin())} of the batch orders no responses")
    return (sums_G / counts_G * rankings.weights).sum()


def comparison_weight(how: Comparison, rankings: Rankings, *, balanced: bool = True) -> float:
    """What the sum over these rankings counts in a mean: the number of groups, or, not balanced, of comparisons."""
    if balanced:
        return float(len(rankings.weights))
    nothing = torch.zeros(int(rankings.items.max()) + 1, device=rankings.items.device)
    return float(_terms(how, nothing, rankings)[1].sum())


def pairwise_loss(scores_N: Tensor, rankings: Rankings, *, balanced: bool = True) -> Tensor:
    """Bradley-Terry with margin: `-log sigmoid(better - worse - margin)` of every pair that a ranking orders.

    A tie is a pair with target 0.5 and no margin: its loss is least where both score alike.

    Args:
        scores_N: `[N]`, one logit per row of the batch, any float type.
        rankings: Over these rows.
        balanced: Average the pairs of each prompt first, so that all prompts weigh alike (InstructGPT,
            arXiv:2203.02155); otherwise all pairs do.

    Returns:
        A float32 scalar.

    Raises:
        ShapeError: The rankings speak of other rows, or order no pair.
    """
    return comparison_loss(Comparison.PAIRWISE, scores_N, rankings, balanced=balanced)


def listwise_loss(scores_N: Tensor, rankings: Rankings, *, balanced: bool = True) -> Tensor:
    """Plackett-Luce: at every place of a ranking, the cross-entropy of who takes it among all who are left.

    Of a full ranking this is the K-wise likelihood of Zhu et al. 2023, averaged over its places instead of summed. Ties
    share their place: the target there is even among them (the sum over them is Breslow's likelihood of ties,
    Biometrics 30, 1974). Responses of unknown order are among those who are left and take no place. For two responses
    it equals `pairwise_loss` without margin. Arguments and errors as of `pairwise_loss`; margins are not used.
    """
    return comparison_loss(Comparison.LISTWISE, scores_N, rankings, balanced=balanced)


def _terms(how: Comparison, scores_N: Tensor, rankings: Rankings) -> Terms:
    if scores_N.ndim != 1 or int(rankings.items.max()) >= len(scores_N):
        raise ShapeError(
            f"need one score per row, got shape {tuple(scores_N.shape)} and rankings of row {int(rankings.items.max())}"
        )
    scores_M = scores_N.float()[rankings.items]
    terms = (_pairwise_terms if how is Comparison.PAIRWISE else _listwise_terms)(scores_M, rankings)
    if not len(terms[0]):
        raise ShapeError("the batch orders no responses: there is nothing to learn from")
    return terms


def _pairwise_terms(scores_M: Tensor, rankings: Rankings) -> Terms:
    same_MM = rankings.lists[:, None] == rankings.lists[None, :]
    ahead_MM = rankings.ranks[:, None] < rankings.ranks[None, :]
    tied_MM = (rankings.ranks[:, None] == rankings.ranks[None, :]) & rankings.ranks.isfinite()[:, None]
    better_P, worse_P = (same_MM & (ahead_MM | tied_MM.triu(diagonal=1))).nonzero(as_tuple=True)
    tie_P = tied_MM[better_P, worse_P]
    terms_P = binary_cross_entropy_with_logits(
        scores_M[better_P] - scores_M[worse_P] - rankings.margins[better_P].masked_fill(tie_P, 0.0),
        torch.where(tie_P, 0.5, 1.0).to(scores_M),
        reduction="none",
    )
    return terms_P, torch.ones_like(terms_P), rankings.prompts[better_P]


def _listwise_terms(scores_M: Tensor, rankings: Rankings) -> Terms:
    same_MM = rankings.lists[:, None] == rankings.lists[None, :]
    left_MM = same_MM & (rankings.ranks[None, :] >= rankings.ranks[:, None])
    tied_MM = same_MM & (rankings.ranks[None, :] == rankings.ranks[:, None])
    open_M = rankings.ranks.isfinite() & (left_MM.sum(dim=1) > 1)  # the last of a ranking takes its place for certain
    normaliser_M = scores_M[None, :].masked_fill(~left_MM, -torch.inf).logsumexp(dim=1)
    terms = (normaliser_M - scores_M)[open_M]
    return terms, tied_MM.sum(dim=1)[open_M].to(scores_M).reciprocal(), rankings.prompts[open_M]
