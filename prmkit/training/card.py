"""The model card of a reward model: README.md beside its weights."""

from collections.abc import Mapping

from prmkit.rewards.metadata import CLASSES, SCORED_POSITION, Pooling, RewardKind, RewardMetadata
from prmkit.runs import flat

_WHAT = {
    RewardKind.PRM: "A process reward model: scores every step of a solution.",
    RewardKind.ORM: "An outcome reward model: predicts, at the end of every step, whether the solution will be right.",
    RewardKind.VALUE: "A value model: predicts, at the end of every step, how often going on from there is right.",
    RewardKind.PREFERENCE: "A preference model: scores responses as people would rank or rate them.",
}
_READING = {
    RewardKind.PRM: "score = P(correct) + {weight:g} * P(neutral), from the softmax of three logits",
    RewardKind.ORM: "score = sigmoid of the one logit",
    RewardKind.VALUE: "score = sigmoid of the one logit",
    RewardKind.PREFERENCE: "score = sigmoid of the one logit; the logit itself is the reward, without a scale",
}

_POOLING = {
    Pooling.LAST: "",
    Pooling.MEAN: ", as the mean of the logits from the first token of the solution up to there",
}
_LEARNED = {
    "hard": "the class of each step, by cross-entropy",
    "soft": "the posterior mass of the three classes of each step, by cross-entropy",
    "value": "the Monte-Carlo rate k/n of each step, by binomial cross-entropy of the score",
    "tokens": "whether the solution is right, by cross-entropy at each of its tokens",
    "last": "whether the solution is right, by cross-entropy at its last token",
    "mean": "whether the solution is right, by cross-entropy of the mean logit of its tokens",
    "pairwise": "which of two answers is better, by the Bradley-Terry loss of pairs",
    "listwise": "which of several answers is best, by the Plackett-Luce loss of rankings",
}

_CARD = """---
library_name: transformers
pipeline_tag: token-classification
tags: [reward-model, {kind}, prmkit]
---
# {title}

{what} Made from `{base}` by `prmkit train {kind}`.

## Reading it
- Text: the prompt `{prompt!r}`{chat}, then every step followed by the separator `{separator!r}` (ids {ids}). Prompt,
  steps and separators are tokenised one by one and their ids concatenated.
- Read at the {position} of each step{pooling}; {reading}.
- Learned: {learned}.
- Classes: {classes}. Score of a solution: `{aggregation}` of its step scores.

```python
from prmkit.rewards.scorer import load_reward_model

model = load_reward_model("FOLDER")
model.score_steps([("PROBLEM", ["STEP 1", "STEP 2"])])
```
`AutoModelForTokenClassification.from_pretrained` loads it as well.

## Validation
On problems held out of training (definitions: docs/training.md of prmkit).

{metrics}

## Training
{training}
"""


def model_card(metadata: RewardMetadata) -> str:
    """The card as Markdown."""
    return _CARD.format(
        kind=metadata.kind,
        title=metadata.kind.upper(),
        what=_WHAT[metadata.kind],
        base=metadata.training.get("base", "?"),
        prompt=metadata.text_format.prompt,
        chat=" in the chat template" if metadata.text_format.chat else "",
        separator=metadata.text_format.separator,
        ids=list(metadata.separator_ids),
        position=SCORED_POSITION,
        pooling=_POOLING[metadata.pooling],
        learned=_learned(metadata.training.get("objective", {})),
        reading=_READING[metadata.kind].format(weight=metadata.neutral_weight),
        classes=", ".join(f"{index} {name}" for index, name in CLASSES[metadata.kind].items()),
        aggregation=metadata.aggregation,
        metrics=_table(metadata.metrics) if metadata.metrics else "None: no problems were held out.",
        training=_table(metadata.training),
    )


def _learned(objective: Mapping[str, object]) -> str:
    """What an objective says about targets and loss."""
    if objective.get("kind") == RewardKind.VALUE:
        return "the Monte-Carlo rate k/n of each step, by binomial cross-entropy"
    if objective.get("learns") == "ratings":
        return "ratings, scaled to [0, 1], by binary cross-entropy"
    said = str(objective.get("targets", objective.get("loss", "")))
    return f"{_LEARNED.get(said, said or 'see below')} (options below)"


def _table(values: Mapping[str, object]) -> str:
    lines = ["| name | value |", "|---|---|"]
    for name, value in flat(values).items():
        lines.append(f"| {name} | {f'{value:.4g}' if isinstance(value, float) else value} |")
    return "\n".join(lines)
