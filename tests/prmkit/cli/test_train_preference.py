import json
import random

import pytest
import tyro

from prmkit.cli.train import Train
from prmkit.errors import InputError, RunChangedError

FAST = ["--batch-size", "16", "--lr", "0.003", "--evaluations", "1", "--validation", "0.25"]


def response(good, number):
    words = ["fine", "fine", "fine"] if good else ["fine", "wrong", "fine"]
    random.Random(number).shuffle(words)
    return "\n\n".join(f"Step {index} of it is {word}." for index, word in enumerate(words))


def pair(number, **fields):
    prompt = f"Problem {number % 40}: what is it?"
    return {"prompt": prompt, "chosen": response(True, number), "rejected": response(False, number)} | fields


def rating(number):
    good = number % 3 - 1
    steps = [f"Step {index} of it is {'fine' if good > index - 1 else 'wrong'}." for index in range(2)]
    return {"problem": f"Problem {number % 40}: what is it?", "response": "\n\n".join(steps), "rating": 2.0 + good}


@pytest.fixture
def write(tmp_path):
    def run(rows, name="data.jsonl"):
        file = tmp_path / name
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return file

    return run


def train(data, base, out, *flags):
    arguments = ["preference", "--base", str(base), "--data", str(data), "--out", str(out), *flags]
    tyro.cli(Train, prog="prmkit train", args=arguments).run()
    return json.loads((out / "prmkit.json").read_text())


@pytest.mark.slow
def test_an_obvious_preference_is_learned_and_plain_transformers_reads_it(write, tiny_base, tmp_path, capsys):
    import torch
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    from prmkit.rewards.scorer import load_reward_model
    from prmkit.rewards.trained_on import read_trained

    out = tmp_path / "model"
    rows = [pair(number) for number in range(160)]
    stored = train(write(rows), tiny_base, out, *FAST, "--epochs", "3")
    assert stored["kind"] == "preference"
    assert stored["labels"] == {"0": "score"}
    assert stored["metrics"]["pair_accuracy"] > 0.9
    assert stored["metrics"]["mean_margin"] > 1
    assert stored["training"]["training_prompts"] + stored["training"]["validation_prompts"] == 40
    assert len(read_trained(out)) == stored["training"]["training_prompts"]
    assert "preferences of" in capsys.readouterr().out
    prompt, steps = "Problem 7: what is it?", ["Step 0 of it is fine.", "Step 1 of it is wrong."]
    (reward,) = load_reward_model(out).rewards([(prompt, steps)])
    tokenizer = AutoTokenizer.from_pretrained(out)
    ids = list(tokenizer(f"{prompt}\n\n")["input_ids"])
    for step in steps:
        ids += [each for text in (step, "\n\n") for each in tokenizer(text, add_special_tokens=False)["input_ids"]]
    with torch.no_grad():
        logits = AutoModelForTokenClassification.from_pretrained(out).eval()(torch.tensor([ids])).logits
    assert reward == pytest.approx(float(logits[0, -1, 0]), abs=1e-5)


@pytest.mark.slow
def test_ratings_are_learned_by_regression_on_the_stated_scale(write, tiny_base, tmp_path):
    rows = [rating(number) for number in range(120)]
    flags = [*FAST, "--epochs", "3", "--rating-range", "0", "4"]
    stored = train(write(rows), tiny_base, tmp_path / "model", *flags)
    assert (stored["training"]["rating_low"], stored["training"]["rating_high"]) == (0.0, 4.0)
    assert stored["metrics"]["spearman"] > 0.8
    assert 0 < stored["metrics"]["rmse"] < 0.8


@pytest.mark.slow
def test_every_option_changes_what_is_learned(write, tiny_base, tmp_path):
    from safetensors.torch import load_file

    rows = [pair(number, margin=1.0) for number in range(12)]
    rows += [pair(0, rejected="Step 0 of it is wrong."), pair(0, chosen="Step 0 of it is fine.", margin=2.0)]
    good = "Step 1 of it is fine."
    texts = [good, "Step 1 of it is useless.", "Step 1 of it is wrong."]
    rows.append({"prompt": "Problem 1: what is it?", "responses": texts, "ranks": [1, 2, 2]})
    data = write(rows)
    options = {
        "plain": [],
        "listwise": ["--loss", "listwise"],
        "margins": ["--margin-scale", "0"],
        "balance": ["--no-balance"],
        "group": ["--group-size", "2"],
    }
    weights = {}
    for name, flags in options.items():
        shared = ["--epochs", "1", "--batch-size", "8", "--lr", "0.003", "--validation", "0"]
        stored = train(data, tiny_base, tmp_path / name, *shared, *flags)
        weights[name] = load_file(tmp_path / name / "model.safetensors")["score.weight"]
        assert stored["metrics"] == {}
    for name in options.keys() - {"plain"}:
        assert not weights["plain"].equal(weights[name]), name


@pytest.mark.slow
def test_a_finished_run_is_left_alone_and_other_data_are_refused(write, tiny_base, tmp_path, capsys):
    data = write([pair(number) for number in range(8)])
    flags = ["--epochs", "1", "--validation", "0.3"]
    first = train(data, tiny_base, tmp_path / "model", *flags)
    assert train(data, tiny_base, tmp_path / "model", *flags) == first
    assert "nothing to do" in capsys.readouterr().out
    with pytest.raises(RunChangedError, match="content"):
        train(write([pair(number) for number in range(9)]), tiny_base, tmp_path / "model", *flags)


def check_only(data, *flags):
    tyro.cli(Train, prog="prmkit train", args=["preference", "--data", str(data), "--check-only", *flags]).run()


def test_the_check_alone_prints_what_is_dropped_and_what_is_only_reported(write, tmp_path, capsys):
    rows = [pair(number) for number in range(20)]
    rows += [pair(0), pair(1, rejected=""), pair(2, chosen=response(False, 2), rejected=response(True, 2))]
    data = write(rows)
    check_only(data)
    said = " ".join(capsys.readouterr().out.split())
    assert "longer is better" in said
    assert "warning: the longer response is better in 5% of 21 pairs: a model can learn that alone" in said
    assert "warning: 1 pairs are ordered both ways, the first at" in said
    assert f"warning: dropped, empty response: 1 rows, the first at {data}:22" in said
    assert f"warning: dropped, duplicate: 1 rows, the first at {data}:21" in said
    assert [each.name for each in tmp_path.iterdir()] == ["data.jsonl"]


def test_the_check_of_ratings_prints_their_correlation_with_length(write, capsys):
    check_only(write([rating(number) for number in range(12)]))
    assert "correlation of length and rating" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "give --out, the folder of the model, or --check-only"),
        (["--check-only", "--out", "model"], "give --out, the folder of the model, or --check-only"),
    ],
)
def test_a_model_needs_a_folder_and_a_check_none(write, flags, message):
    arguments = ["preference", "--data", str(write([pair(0)])), *flags]
    with pytest.raises(InputError, match=message):
        tyro.cli(Train, prog="prmkit train", args=arguments).run()


@pytest.mark.parametrize(
    ("rows", "flags", "message"),
    [
        ([rating(0), rating(1)], ["--loss", "listwise"], "--loss has no effect on ratings"),
        ([rating(0), rating(1)], ["--no-balance"], "--balance has no effect on ratings"),
        ([pair(0)], ["--rating-range", "0", "1"], "--rating-range has no effect on preferences"),
        ([pair(0)], ["--per-problem", "3"], "--per-problem draws from labelled solutions"),
        ([rating(0), rating(2)], ["--rating-range", "0", "2"], "the rating 3 is outside 0 to 2"),
    ],
)
def test_options_that_the_data_have_no_use_for_are_refused(write, tiny_base, rows, flags, message):
    data = write(rows)
    with pytest.raises(InputError, match=message):
        train(data, tiny_base, data.parent / "model", "--validation", "0", *flags)
    assert not (data.parent / "model").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--loss", "listwise", "--margin-scale", "2"], "--margin-scale has no effect with --loss listwise"),
        (["--margin-scale", "-1"], "--margin-scale must not be negative"),
        (["--group-size", "1"], "--group-size at least 2"),
    ],
)
def test_contradictory_options_are_refused(write, tmp_path, flags, message, capsys):
    from prmkit.cli.main import main

    arguments = ["train", "preference", "--data", str(write([pair(0)])), "--out", str(tmp_path / "model"), *flags]
    assert main(arguments) == 1
    assert message in capsys.readouterr().err
