"""`prmkit audit` with a second opinion, a judge among them, and the consensus filter."""

import json
from pathlib import Path

import pytest

from prmkit.cli.audit import Audit
from prmkit.cli.main import main
from prmkit.models import DEMO_POLICY, load_tokenizer
from prmkit.records import FinishReason, StepLabel
from prmkit.steps import TextFormat
from prmkit.tables import read_labels
from prmkit.training.data import make_pool

from .audited_labels import audit, judgement_file, lines, write_labels


def test_a_second_opinion_is_compared_and_changes_what_is_suspicious(
    stories: tuple[Path, Path], tmp_path: Path
) -> None:
    alone = audit(stories[0], tmp_path / "a", "--suspicious", "1000")
    opinion = judgement_file(tmp_path / "zero.jsonl", stories[0], 0)
    figures = audit(stories[0], tmp_path / "b", "--suspicious", "1000", "--second-opinion", opinion)
    assert "second_opinion" not in alone and figures["second_opinion"]["all"]["solutions"]["value"] == 75
    assert not (tmp_path / "b" / "consensus.parquet").exists()
    reasons = [
        {reason for row in lines(tmp_path / each / "suspicious.jsonl") for reason in row["reasons"]} for each in "ab"
    ]
    assert reasons[1] - reasons[0] == {"wrong by the second opinion, but the policy goes on to right answers"}


@pytest.mark.parametrize("level", ["solutions", "steps"])
def test_what_both_agree_on_is_a_source_for_training(
    stories: tuple[Path, Path], tmp_path: Path, level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = audit(stories[0], tmp_path, "--second-opinion", "oracle", "--consensus", level)
    kept = read_labels(tmp_path / "consensus.parquet")
    before = {each.solution.name: each for each in read_labels(stories[0])}
    assert 0 < len(kept) < 75 or level == "steps"
    assert f"consensus: {len(kept)} of 75 solutions" in capsys.readouterr().out
    shares = figures["consensus_solutions"]["all"]
    assert shares["kept"]["value"] + shares["cut"]["value"] == pytest.approx(len(kept) / 75)
    assert (shares["cut"]["value"] > 0) is (level == "steps")
    steps = figures["consensus_steps"]
    assert (
        sum(steps[name]["steps"]["value"] for name in ("incorrect", "neutral", "correct"))
        == steps["all"]["steps"]["value"]
    )
    assert figures["consensus_truth"]["kept"]["first_error"]["value"] == 1.0
    assert figures["consensus_truth"]["all"]["first_error"]["value"] < 1.0
    for each in kept:
        whole = before[each.solution.name]
        count = len(each.labels)
        assert (each.labels, each.estimates) == (whole.labels[:count], whole.estimates[:count])
        assert each.solution.finish is (FinishReason.END if count == len(whole.labels) else FinishReason.STEP)
    tokenizer = load_tokenizer(str(DEMO_POLICY))
    pool = make_pool(kept, tokenizer, TextFormat(separator="\n"), max_length=900, validation=0.0, seed=0)
    assert [example.labels for example in pool.training] == list(
        {(each.solution.problem.problem, each.solution.steps): each.labels for each in kept}.values()
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_prm_learns_from_the_steps_both_agree_on(stories: tuple[Path, Path], tiny_base: Path, tmp_path: Path) -> None:
    audit(stories[0], tmp_path / "audit", "--second-opinion", "oracle", "--consensus", "steps")
    source = tmp_path / "audit" / "consensus.parquet"
    train = ["train", "prm", "--base", str(tiny_base), "--labels", str(source), "--out", str(tmp_path / "prm")]
    assert main([*train, "--epochs", "1", "--max-length", "250"]) == 0
    stored = json.loads((tmp_path / "prm" / "prmkit.json").read_text(encoding="utf-8"))
    assert stored["training"]["solutions"] == len(read_labels(source))


def test_the_judge_is_greedy_and_may_write_at_length_unless_told_otherwise(tmp_path: Path) -> None:
    command = Audit(labels=tmp_path, out=tmp_path)
    assert (command.sampling.temperature, command.sampling.max_tokens) == (0.0, 2048)


@pytest.fixture
def approving_judge(tmp_path: Path) -> Path:
    r"""A real model that answers every prompt with `\boxed{-1}`: the last token alone decides what it writes next."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {letter: index for index, letter in enumerate([*letters, "\\boxed{-1}", "<|end|>"])}
    inner = Tokenizer(models.BPE(words, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    verdict, end = len(letters), len(letters) + 1
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=8192,
        eos_token_id=end,
        tie_word_embeddings=False,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if "norm" not in name:
                weights.zero_()
        model.model.embed_tokens.weight[:, 0] = 1.0
        model.model.embed_tokens.weight[verdict] = torch.eye(16)[1]
        model.lm_head.weight[verdict, 0] = model.lm_head.weight[end, 1] = 1.0
    model.save_pretrained(tmp_path / "judge")
    PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|end|>").save_pretrained(tmp_path / "judge")
    return tmp_path / "judge"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_model_judges_on_a_cluster_and_its_judgements_serve_again(
    approving_judge: Path, stories: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = write_labels(tmp_path / "few.jsonl", read_labels(stories[0])[:6])
    asked = ["--second-opinion", "judge", "--policy", str(approving_judge), "--engine", "transformers"]
    asked += ["--engines", "1", "--consensus", "solutions"]
    figures = audit(few, tmp_path / "out", *asked, "--shard-size", "3", "--slots", "8")
    assert "judge: 6 answers, 0 of them without a verdict that can be read" in capsys.readouterr().out
    assert figures["second_opinion"]["none"]["solutions"]["value"] == 6
    kept = read_labels(tmp_path / "out" / "consensus.parquet")
    assert all(StepLabel.INCORRECT not in each.labels for each in kept)
    assert len(list((tmp_path / "out" / "judgements" / "shards").glob("*.parquet"))) == 2
    stored = ["--second-opinion", str(tmp_path / "out" / "judgements"), "--consensus", "solutions"]
    assert audit(few, tmp_path / "again", *stored)["second_opinion"] == figures["second_opinion"]
    assert read_labels(tmp_path / "again" / "consensus.parquet") == kept
    cut = audit(few, tmp_path / "short", *asked[:-2], "--max-tokens", "1", "--temperature", "0.5", "--top-p", "0.9")
    assert "judge: 6 answers, 6 of them without a verdict" in capsys.readouterr().out
    assert cut["second_opinion"]["all"]["solutions"]["value"] == 0
