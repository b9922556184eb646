import json

import pytest
import torch
import tyro

from prmkit.cli.evaluate_preference import EvaluatePreference
from prmkit.errors import InputError, RunChangedError
from prmkit.rewards.trained_on import write_trained


def pair(number):
    long = f"Step 0 of it is fine.\n\nIt is {number}."
    short = f"It is {number + 1}, or {'more' * (number % 3)}."
    chosen, rejected = (long, short) if number % 3 else (short, long)
    domain = "math" if number % 2 else "code"
    return {"prompt": f"Problem {number}: what is it?", "chosen": chosen, "rejected": rejected, "domain": domain}


PAIRS = [pair(number) for number in range(12)]


@pytest.fixture
def evaluate(make_reward, tmp_path):
    def run(rows, *flags, kind="preference", out="out", model=None):
        data = tmp_path / "data.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
        folder = tmp_path / kind if (tmp_path / kind).is_dir() else make_reward(kind)
        arguments = ["--model", str(model or folder), "--data", str(data), "--out", str(tmp_path / out), *flags]
        tyro.cli(EvaluatePreference, args=arguments).run()
        lines = {
            name: [json.loads(line) for line in (tmp_path / out / f"{name}.jsonl").read_text().splitlines()]
            for name in ("solutions", "samples")
        }
        return json.loads((tmp_path / out / "metrics.json").read_text()), lines["solutions"], lines["samples"]

    return run


def test_rewards_are_the_logits_that_plain_transformers_gives(evaluate, tmp_path, tokenizer):
    from transformers import AutoModelForTokenClassification

    _, rows, _ = evaluate(PAIRS)
    model = AutoModelForTokenClassification.from_pretrained(tmp_path / "preference").eval()
    separator = tokenizer("\n\n", add_special_tokens=False)["input_ids"]
    for row in rows:
        for response, reward in zip(row["responses"], row["rewards"], strict=True):
            ids = list(tokenizer(f"{row['prompt']}\n\n")["input_ids"])
            for step in response.split("\n\n"):
                ids += [*tokenizer(step, add_special_tokens=False)["input_ids"], *separator]
            with torch.no_grad():
                logit = float(model(torch.tensor([ids])).logits[0, -1, 0])
            assert reward == pytest.approx(logit, abs=1e-4)


def test_figures_are_those_of_the_rows(evaluate, capsys):
    metrics, rows, samples = evaluate(PAIRS)
    margins = [row["rewards"][0] - row["rewards"][1] for row in rows]
    assert metrics["accuracy"]["all"]["value"]["value"] == pytest.approx(sum(each > 0 for each in margins) / 12)
    assert metrics["accuracy"]["domain_math"]["value"]["n"] == 6
    assert metrics["margins"]["mean"]["value"]["value"] == pytest.approx(sum(margins) / 12)
    assert {"accuracy", "margins", "length", "calibration", "confidence", "histogram"} <= metrics.keys()
    assert sum(each["count"] for each in metrics["histogram"]) == metrics["pairs"] == 12
    assert {each["kind"] for each in samples} <= {"mistake", "near tie"}
    assert [each["margin"] for each in samples if each["kind"] == "mistake"] == pytest.approx(
        sorted(each for each in margins if each < 0)
    )
    assert "Pairs in the right order" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["prm", "orm", "value"])
def test_every_kind_of_checkpoint_can_be_evaluated_by_its_solution_score(evaluate, kind):
    metrics, rows, _ = evaluate(PAIRS, kind=kind)
    assert len(rows) == 12
    assert 0 <= metrics["accuracy"]["all"]["value"]["value"] <= 1


def test_each_option_reaches_its_figures(evaluate):
    plain, _, samples = evaluate(PAIRS)
    similar, _, _ = evaluate(PAIRS, "--similar", "0.9", out="similar")
    bins, _, _ = evaluate(PAIRS, "--bins", "3", out="bins")
    _, _, few = evaluate(PAIRS, "--samples", "1", out="few")
    seed, _, _ = evaluate(PAIRS, "--seed", "1", out="seed")
    assert similar["accuracy"]["similar_lengths"]["value"]["n"] == 12
    assert plain["accuracy"]["similar_lengths"]["value"] != similar["accuracy"]["similar_lengths"]["value"]
    assert len(bins["confidence"]) == 3 < len(plain["confidence"])
    assert len(few) == 2 < len(samples)
    assert seed["accuracy"]["all"]["value"]["value"] == plain["accuracy"]["all"]["value"]["value"]
    assert seed["margins"]["mean"]["value"]["low"] != plain["margins"]["mean"]["value"]["low"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--samples", "-1"], "--samples must be at least 0"),
        (["--bins", "0"], "--bins at least 1"),
        (["--seed", "-1"], "--seed must not be negative, got -1"),
        (["--similar", "2"], r"must be in \[0, 1\], got 2"),
    ],
)
def test_options_out_of_range_are_refused(evaluate, flags, message):
    with pytest.raises(InputError, match=message):
        evaluate(PAIRS, *flags)


def test_rows_that_say_nothing_are_dropped_and_told(evaluate):
    same = PAIRS[0] | {"rejected": PAIRS[0]["chosen"]}
    metrics, rows, _ = evaluate([*PAIRS, same])
    assert len(rows) == 12
    assert "Dropped, identical responses: 1 rows." in metrics["notes"]


def test_rows_that_do_not_fit_the_context_are_left_out_and_told(evaluate):
    long = PAIRS[0] | {"rejected": "very long " * 300}
    metrics, rows, _ = evaluate([*PAIRS, long])
    assert len(rows) == 12
    assert "1 of 13 rows have a response that does not fit the model's context." in metrics["notes"]


def test_ties_are_told_apart(evaluate):
    metrics, rows, _ = evaluate([*PAIRS[1:], PAIRS[0] | {"tie": True}])
    assert (metrics["pairs"], metrics["ties"], len(rows)) == (11, 1, 12)
    tie = next(row for row in rows if row["ranks"] == [0, 0])
    margin = abs(tie["rewards"][0] - tie["rewards"][1])
    assert metrics["margins"]["median_of_ties_absolute"]["value"]["value"] == pytest.approx(margin)


def test_problems_the_model_learned_from_are_told(evaluate, make_reward):
    folder = make_reward("preference")
    write_trained(folder, [PAIRS[0]["prompt"]])
    metrics, _, _ = evaluate(PAIRS, model=folder)
    assert "The model was trained on 1 of these 12 problems: the figures flatter it." in metrics["notes"]


def test_ratings_are_evaluated_by_rank_correlation(evaluate):
    from scipy.stats import spearmanr

    ratings = [
        {"problem": f"p{n % 3}", "response": f"Step {n} is fine.", "rating": n % 4, "domain": "d"} for n in range(9)
    ]
    metrics, rows, samples = evaluate(ratings)
    wanted = spearmanr([row["reward"] for row in rows], [row["rating"] for row in rows]).statistic
    found = metrics["correlation"]
    assert found["reward_and_rating"]["value"]["value"] == pytest.approx(wanted)
    assert found["domain_d"]["value"]["value"] == pytest.approx(wanted)
    assert {each["kind"] for each in samples} == {"too high", "too low"}


def test_results_of_other_data_in_the_folder_are_not_overwritten(evaluate):
    evaluate(PAIRS)
    evaluate(PAIRS)
    with pytest.raises(RunChangedError):
        evaluate(PAIRS[1:])
