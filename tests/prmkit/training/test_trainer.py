"""Single steps of the trainer, on a two-layer model."""

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM

from prmkit.records import StepLabel
from prmkit.rewards.base import Aggregation
from prmkit.rewards.metadata import Pooling, RewardKind
from prmkit.rewards.packing import packed_attention
from prmkit.training.arguments import training_arguments
from prmkit.training.base import language_head, load_model, open_base
from prmkit.training.batches import Material
from prmkit.training.choices import OutcomeLoss
from prmkit.training.config import Optimizer, TrainConfig
from prmkit.training.data import make_pool
from prmkit.training.groups import outcome_groups
from prmkit.training.losses import loss_of, mean_loss
from prmkit.training.objectives import ORMObjective, PRMObjective
from prmkit.training.trainer import RewardTrainer

BAD, MIDDLE, GOOD = StepLabel


@pytest.fixture(scope="module")
def base(tiny_base):
    return open_base(TrainConfig(base=str(tiny_base)))


@pytest.fixture(scope="module")
def examples(labeled_pool, base):
    labeled = labeled_pool(8)
    return make_pool(labeled, base.tokenizer, base.text_format, max_length=256, validation=0, seed=0).training


def trainer_of(
    base,
    examples,
    objective,
    tmp_path,
    *,
    tokens=4096,
    language=None,
    head_share=0.0,
    packed=True,
    optimizer=Optimizer.ADAMW,
):
    rows = [objective.row(each) for each in examples]
    groups = None
    if objective.kind is RewardKind.ORM and objective.compares:
        groups = outcome_groups([each.problem_id for each in examples], [each.correct for each in examples]).groups
    config = TrainConfig(base=base.name)
    return RewardTrainer(
        load_model(base, objective.kind, seed=0),
        training_arguments(config, tmp_path, items=32, steps=100, lr=1e-3, report_to="none"),
        material=Material(rows=rows, groups=groups, loss=loss_of(objective, rows), tokens=tokens, packed=packed),
        pooling=objective.pooling,
        validate=lambda _: ({}, Aggregation.LAST),
        language=language,
        head_share=head_share,
        optimizer=optimizer,
    )


def step(trainer, *, packed=True):
    """Loss and gradients of one batch of everything."""
    material = trainer.material
    parts = material.parts(range(len(material)))
    if packed:
        with packed_attention(trainer.model):
            loss = trainer.training_step(trainer.model, parts)
    else:
        loss = trainer.training_step(trainer.model, parts)
    return len(parts), float(loss), {name: each.grad.clone() for name, each in trainer.model.named_parameters()}


OBJECTIVES = [
    PRMObjective(class_weights=(3.0, 1.0, 0.5)),
    ORMObjective(),
    ORMObjective(loss=OutcomeLoss.MEAN),
    ORMObjective(loss=OutcomeLoss.PAIRWISE),
    ORMObjective(loss=OutcomeLoss.LISTWISE, balance=False),
]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda each: f"{each.kind}-{getattr(each, 'loss', 'classes')}")
def test_a_batch_in_parts_has_the_loss_and_gradients_of_the_whole_batch(base, examples, tmp_path, objective):
    whole, whole_loss, whole_grads = step(trainer_of(base, examples, objective, tmp_path))
    parts, loss, grads = step(trainer_of(base, examples, objective, tmp_path, tokens=150))
    _, padded, _ = step(trainer_of(base, examples, objective, tmp_path, tokens=150, packed=False), packed=False)
    assert parts > whole == 1
    assert loss == pytest.approx(whole_loss, rel=1e-5)
    assert padded == pytest.approx(whole_loss, rel=1e-5)
    assert all(torch.allclose(grads[name], whole_grads[name], atol=1e-5) for name in grads)


def test_the_loss_is_the_mean_over_the_marks_of_rows_that_are_computed_alone(base, examples, tmp_path):
    trainer = trainer_of(base, examples, PRMObjective(), tmp_path)
    _, found, _ = step(trainer)
    rows = trainer.material.rows
    logits = [trainer.model(torch.tensor([row.ids])).logits[0, row.positions] for row in rows]
    targets = torch.cat([torch.from_numpy(row.targets) for row in rows])
    assert found == pytest.approx(mean_loss(trainer.material.loss, torch.cat(logits), targets).item(), rel=1e-5)


def test_the_language_loss_is_that_of_the_right_solutions_under_the_base(base, examples, tmp_path):
    plain = step(trainer_of(base, examples, ORMObjective(), tmp_path))[1]
    trainer = trainer_of(base, examples, ORMObjective(lm_weight=0.5), tmp_path, tokens=150)
    trainer.language = (0.5, language_head(base, trainer.model))
    parts, found, grads = step(trainer)
    causal = AutoModelForCausalLM.from_pretrained(base.path).eval()
    logits, said = [], []
    for each in examples:
        if each.correct:
            ids = torch.tensor([each.encoded.ids])
            logits.append(causal(ids).logits[0, each.encoded.prompt_length - 1 : -1])
            said.append(ids[0, each.encoded.prompt_length :])
    language = cross_entropy(torch.cat(logits), torch.cat(said)).item()
    assert parts > 1
    assert found == pytest.approx(plain + 0.5 * language, rel=1e-5)
    assert grads["model.embed_tokens.weight"].abs().sum() > 0


def test_only_the_head_learns_in_its_share_of_the_steps(base, examples, tmp_path):
    trainer = trainer_of(base, examples, PRMObjective(), tmp_path, head_share=0.2)
    trainer.create_optimizer_and_scheduler(num_training_steps=100)
    body, head = ([], [])
    for _ in range(100):
        for rates, group in zip((body, head), trainer.optimizer.param_groups, strict=True):
            rates.append(group["lr"])
        trainer.optimizer.step()
        trainer.lr_scheduler.step()
    assert body[:20] == [0.0] * 20
    assert 0 < body[20] < body[21] < head[21]  # its own rise
    assert body[30:] == head[30:]
    assert max(head) == pytest.approx(1e-3)
    assert head[-1] == pytest.approx(1e-3 / 95)
    counts = [sum(each.numel() for each in group["params"]) for group in trainer.optimizer.param_groups]
    assert counts == [trainer.model.num_parameters() - 32 * 3 - 3, 32 * 3 + 3]


def test_matrices_that_muon_moves_follow_the_schedule_of_the_body(base, examples, tmp_path):
    trainer = trainer_of(base, examples, PRMObjective(), tmp_path, head_share=0.2, optimizer=Optimizer.MUON)
    trainer.create_optimizer_and_scheduler(num_training_steps=100)
    rates = []
    for _ in range(100):
        rates.append([group["lr"] for group in trainer.optimizer.param_groups])
        trainer.optimizer.step()
        trainer.lr_scheduler.step()
    matrices, rest, head = zip(*rates, strict=True)
    assert matrices[:20] == rest[:20] == (0.0,) * 20
    assert 0 < rest[20] < rest[21] < head[21]
    assert max(head) == pytest.approx(1e-3 / 3)
    assert matrices == pytest.approx([3 * each for each in rest])
    assert rest[30:] == head[30:]


def test_a_run_of_one_step_learns(base, examples, tmp_path):
    trainer = trainer_of(base, examples, PRMObjective(), tmp_path)
    trainer.create_optimizer_and_scheduler(num_training_steps=1)
    assert [group["lr"] for group in trainer.optimizer.param_groups] == [1e-3, 1e-3]


def test_mean_pooling_reaches_the_logits_of_the_loss(base, examples, tmp_path):
    losses = (OutcomeLoss.MEAN, OutcomeLoss.LAST)
    mean, last = (trainer_of(base, examples, ORMObjective(loss=each), tmp_path) for each in losses)
    assert (mean.pooling, last.pooling) == (Pooling.MEAN, Pooling.LAST)
    assert step(mean)[1] != pytest.approx(step(last)[1], abs=1e-4)


def test_a_batch_whose_marks_all_weigh_nothing_is_a_loss_of_zero_and_not_nan(base, labeled_solution, tmp_path):
    labeled = [labeled_solution("p1", [BAD, GOOD]), labeled_solution("p2", [GOOD])]
    pool = make_pool(labeled, base.tokenizer, base.text_format, max_length=256, validation=0, seed=0).training
    trainer = trainer_of(base, pool, PRMObjective(class_weights=(1.0, 0.0, 0.0)), tmp_path)
    with packed_attention(trainer.model):
        loss = trainer.training_step(trainer.model, trainer.material.parts([1]))
    assert float(loss) == 0.0
