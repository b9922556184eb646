import inspect
import re
import shutil
from pathlib import Path

import pytest

from prmkit.errors import InputError
from prmkit.rewards.rl import Credit, RewardTerms, RlReward
from prmkit.rewards.scorer import load_reward_model
from prmkit.rewards.trainers import grpo_reward, verl_batch_reward, verl_reward

PROBLEMS = ["Problem p1: what is it?", "Problem p2: what is it?"]
TEXTS = ["Step 0 of p1 is fine.\n\nSo \\boxed{1}.", "Step 0 of p2 is wrong.\n\nSo \\boxed{3}."]
TERMS = RewardTerms(credit=Credit.MIN, answer=1.0, length=0.1, free_tokens=0, most_tokens=10)


@pytest.fixture
def reward(make_reward, tokenizer):
    return RlReward(load_reward_model(make_reward("prm")), TERMS, tokenizer=tokenizer)


@pytest.fixture
def expected(reward):
    found = reward.rewards([(PROBLEMS[0], TEXTS[0], "1"), (PROBLEMS[1], TEXTS[1], "1")], [4, 8])
    assert [each.parts["answer"] for each in found] == [1, 0]
    return [each.total for each in found]


def test_trl_gets_one_float_per_completion_of_plain_text(reward, expected):
    function = grpo_reward(reward)
    found = function(
        prompts=PROBLEMS, completions=TEXTS, completion_ids=[[5] * 4, [5] * 8], answer=["1", "1"], trainer_state=None
    )
    assert found == pytest.approx(expected) and all(type(each) is float for each in found)
    assert function.__name__ == "prm_reward"  # TRL logs it under this name


def test_trl_gets_the_same_for_conversations(reward, expected):
    prompts = [[{"role": "system", "content": "Solve."}, {"role": "user", "content": each}] for each in PROBLEMS]
    completions = [
        [{"role": "assistant", "content": TEXTS[0]}],
        [{"role": "assistant", "content": [{"type": "text", "text": TEXTS[1]}]}],
    ]
    ids = [[5] * 4, [5] * 8]
    found = grpo_reward(reward)(prompts=prompts, completions=completions, completion_ids=ids, answer=["1", "1"])
    assert found == pytest.approx(expected)


def test_columns_name_problem_and_answer(reward, expected):
    function = grpo_reward(reward, problem="question", answer="gold")
    columns = {"question": PROBLEMS, "gold": ["1", "1"], "answer": ["9", "9"]}
    prompts = [f"Please solve this. {each}" for each in PROBLEMS]
    ids = [[5] * 4, [5] * 8]
    assert function(prompts=prompts, completions=TEXTS, completion_ids=ids, **columns) == pytest.approx(expected)
    other = grpo_reward(reward)(prompts=prompts, completions=TEXTS, completion_ids=ids, **columns)
    assert other != pytest.approx(expected, abs=1e-3)
    with pytest.raises(InputError, match="no column 'answer' beside the prompt; there are 'gold'"):
        grpo_reward(reward)(prompts=PROBLEMS, completions=TEXTS, gold=["1", "1"], log_extra=print)


def test_means_of_the_parts_are_logged_where_the_trainer_offers_it(reward):
    logged = {}
    grpo_reward(reward)(
        prompts=PROBLEMS,
        completions=TEXTS,
        completion_ids=[[5] * 4, [5] * 8],
        answer=["1", "1"],
        log_metric=logged.__setitem__,
    )
    assert set(logged) == {f"reward_parts/{name}" for name in ("process", "answer", "length", "unscored")}
    assert logged["reward_parts/answer"] == 0.5 and logged["reward_parts/length"] == pytest.approx(0.6)


def test_the_function_for_verl_has_verls_signature():
    """`custom_reward_function` is called with these keywords; verl itself is not installed here."""
    one, many = verl_reward(RlReward(terms=RewardTerms(process=0.0, answer=1.0))), None
    assert list(inspect.signature(one).parameters)[:4] == ["data_source", "solution_str", "ground_truth", "extra_info"]
    assert inspect.signature(one).parameters["extra_info"].default is None
    found = one(data_source="gsm8k", solution_str="So \\boxed{2}", ground_truth="2")
    assert found == {"score": 1.0, "answer": 1.0}
    extra = {"reward_router_address": None, "reward_model_tokenizer": None}
    assert one("gsm8k", "So \\boxed{3}", 2, {"index": 0}, **extra) == {"score": 0.0, "answer": 0.0}
    many = verl_batch_reward(RlReward(terms=RewardTerms(process=0.0, answer=1.0)))
    assert list(inspect.signature(many).parameters)[:4] == [
        *("data_sources", "solution_strs", "ground_truths", "extra_infos"),
    ]


def test_verl_gets_score_and_parts_one_by_one_or_in_a_batch(reward):
    infos = [{"question": each} for each in PROBLEMS]
    batch = verl_batch_reward(reward)(
        data_sources=["a", "b"], solution_strs=TEXTS, ground_truths=["1", "1"], extra_infos=infos
    )
    single = [
        verl_reward(reward)(data_source="a", solution_str=text, ground_truth="1", extra_info=info)
        for text, info in zip(TEXTS, infos, strict=True)
    ]
    for one, other in zip(batch, single, strict=True):
        assert one == pytest.approx(other, abs=1e-6)
        assert set(one) == {"score", "process", "unscored", "answer", "length"}
    named = verl_reward(reward, problem="text")
    assert named("a", TEXTS[0], "1", {"text": PROBLEMS[0]}) == pytest.approx(single[0], abs=1e-6)


@pytest.mark.parametrize("info", [None, {}, {"question": ""}])
def test_verl_data_without_the_problem_is_an_error_that_says_what_to_do(reward, info):
    with pytest.raises(InputError, match=r"'gsm8k': extra_info has no 'question'; .*when the data are prepared"):
        verl_reward(reward)("gsm8k", TEXTS[0], "1", info)


DOCUMENT = Path(__file__).parents[3] / "docs" / "rewards.md"


def snippet(head):
    """The Python code of docs/rewards.md that begins with this comment."""
    (found,) = re.findall(rf"```python\n(# {head}.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    return found


def test_the_documented_file_for_verl_gives_a_compute_score(make_reward, tmp_path, monkeypatch):
    shutil.copytree(make_reward("prm"), tmp_path / "runs" / "prm")
    monkeypatch.chdir(tmp_path)
    scope = {}
    exec(snippet("reward.py"), scope)
    found = scope["compute_score"]("gsm8k", TEXTS[0], "1", {"question": PROBLEMS[0]})
    assert found["answer"] == 1 and found["score"] == pytest.approx(1 + found["process"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_trls_grpo_trainer_trains_with_the_documented_reward_and_logs_its_parts(
    make_reward, tiny_base, tmp_path, monkeypatch
):
    trl = pytest.importorskip("trl", reason="TRL is not installed: pip install 'trl>=1.13'")
    from datasets import Dataset

    small = {"num_generations": 2, "max_completion_length": 8, "max_steps": 2, "use_cpu": True, "bf16": False}
    quiet = {"report_to": [], "logging_steps": 1, "save_strategy": "no", "disable_tqdm": True}
    config = trl.GRPOConfig
    monkeypatch.setattr(trl, "GRPOConfig", lambda **options: config(**options, **small, **quiet))
    shutil.copytree(make_reward("prm"), tmp_path / "runs" / "prm")
    shutil.copytree(tiny_base, tmp_path / "POLICY")
    monkeypatch.chdir(tmp_path)
    scope = {"data": Dataset.from_dict({"prompt": PROBLEMS * 4, "problem": PROBLEMS * 4, "answer": ["1"] * 8})}
    exec(snippet("GRPO"), scope)
    logs = [each for each in scope["trainer"].state.log_history if "reward" in each]
    assert len(logs) == 2
    for each in logs:
        parts = {name: each[f"reward_parts/{name}"] for name in ("process", "answer", "length", "repetition")}
        assert 0 < parts["process"] < 1 and 0 <= each["reward_parts/unscored"] < 1
        total = parts["process"] + parts["answer"] - 0.2 * parts["length"] - 0.2 * parts["repetition"]
        assert each["rewards/prm_reward/mean"] == pytest.approx(total, abs=1e-4)
