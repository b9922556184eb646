"""Checks of `prmkit doctor` on text and tokens: the separator, the template in training and scoring, the vocabulary."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from prmkit.errors import PrmkitError
from prmkit.models import load_tokenizer
from prmkit.rewards.loading import quiet_transformers
from prmkit.rewards.metadata import RewardMetadata, check_separator
from prmkit.rewards.reading import StepReader
from prmkit.training.checks.findings import Check, Status, check
from prmkit.training.checks.subject import Base, Subject

_DATES = ("2001-02-03", "2034-11-29")


def separator_check(base: Base, steps: Sequence[str]) -> Check:
    """Whether the tokenizer has ids for the separator that stand for it, and no step holds it.

    Args:
        base: Whose tokenizer it is.
        steps: Of all solutions.
    """
    separator, ids = base.text_format.separator, base.separator_ids
    tokens = base.tokenizer.convert_ids_to_tokens(ids)
    said = f"{separator!r} is {ids} {tokens}"
    wrong = None
    if not ids:
        wrong = "the tokenizer drops it: no step would have a boundary"
    elif base.tokenizer.unk_token_id in ids:
        wrong = "it holds the unknown token, which stands for anything"
    elif base.tokenizer.pad_token_id in ids:
        wrong = "it is the padding token, which is no text"
    elif base.decode(ids).strip(" ") != separator.strip(" "):
        wrong = f"it reads {base.decode(ids)!r} when decoded"
    if wrong is not None:
        return Check(name="separator", status=Status.VIOLATION, message=f"{said}: {wrong}; choose another --separator")
    return check(
        "separator",
        [f"step {step[:80]!r}" for step in steps if separator in step],
        fine=said,
        wrong=f"of {len(steps)} steps hold the separator themselves, without a label there; {said}",
        status=Status.WARNING,
    )


def text_checks(subject: Subject) -> list[Check]:
    """All of them, on the pool that training makes."""
    checks = [_melting(subject), _template(subject), _own_format(subject), _round_trip(subject)]
    if subject.base.text_format.chat:
        checks.append(_chat_template(subject))
    return [*checks, _vocabulary(subject), _special_tokens(subject)]


def _melting(subject: Subject) -> Check:
    """Separators that are other tokens when the text is tokenised whole."""
    base, found, melted, separators = subject.base, [], 0, 0
    for example in subject.sampled():
        apart = example.encoded.ids[example.encoded.prompt_length :]
        steps = subject.record(example).solution.steps[: len(example.labels)]
        whole = base.ids("".join(f"{step}{base.text_format.separator}" for step in steps))
        expected, there = _occurrences(apart, base.separator_ids), _occurrences(whole, base.separator_ids)
        separators += expected
        if there < expected:
            melted += expected - there
            at = next(index for index, pair in enumerate(zip(apart, [*whole, -1], strict=False)) if pair[0] != pair[1])
            tokens = base.decode(whole[at : at + 1])
            found.append(f"{subject.where(example)}: {tokens!r} in place of {base.decode(apart[at : at + 2])!r}")
    return check(
        "melting",
        found,
        fine=f"all {separators} separators stay themselves when the text is tokenised whole",
        wrong=f"rows lose separators when tokenised whole ({melted} of {separators} separators melt into their "
        "neighbours): score ids, never text; prmkit appends the separator's ids",
        status=Status.WARNING,
        separators=separators,
        melted=melted,
    )


def _occurrences(ids: Sequence[int], part: Sequence[int]) -> int:
    """How often `part` is in `ids`, without overlaps."""
    count = at = 0
    while at + len(part) <= len(ids):
        hit = list(ids[at : at + len(part)]) == list(part)
        count, at = count + hit, at + (len(part) if hit else 1)
    return count


def _template(subject: Subject) -> Check:
    """Whether a reward model that is saved and loaded encodes rows as training does."""
    base, found, rows = subject.base, [], 0
    try:
        reader = _saved_and_loaded(subject)
    except PrmkitError as error:
        return Check(name="template", status=Status.VIOLATION, message=f"scoring would refuse the model: {error}")
    for example in subject.sampled():
        rows += 1
        solution, trained = subject.record(example).solution, example.encoded
        scored = reader.encode(solution.problem.problem, solution.steps)
        length, marks = len(trained.ids), len(trained.ends)
        if (trained.ids, trained.ends) != (scored.ids[:length], scored.ends[:marks]):
            pairs = enumerate(zip(trained.ids, scored.ids, strict=False))
            at = next((index for index, (one, other) in pairs if one != other), min(length, len(scored.ids)))
            one, other = (base.decode(ids[max(0, at - 3) : at + 5]) for ids in (trained.ids, scored.ids))
            found.append(f"{subject.where(example)}: at token {at} {one!r} in training, {other!r} in scoring")
    return check(
        "template",
        found,
        fine=f"{rows} rows have the same ids and scored positions in training and scoring",
        wrong=f"of {rows} rows have other ids or scored positions in scoring than in training",
    )


def _saved_and_loaded(subject: Subject) -> StepReader:
    """The reader of the reward model that training would save.

    Raises:
        InputError: Loading refuses it.
    """
    base = subject.base
    stored = RewardMetadata(
        kind=subject.objective.kind, text_format=base.text_format, separator_ids=tuple(base.separator_ids)
    )
    with tempfile.TemporaryDirectory(prefix="prmkit-doctor-") as name:
        folder = Path(name)
        with quiet_transformers():
            base.tokenizer.save_pretrained(folder)
            base.config.save_pretrained(folder)  # what AutoTokenizer loads depends on the kind of model beside it
        stored.write(folder)
        tokenizer, metadata = load_tokenizer(name), RewardMetadata.read(folder)
        ids = tokenizer(metadata.text_format.separator, add_special_tokens=False)["input_ids"]
        check_separator(metadata, ids, Path(base.path))
    return StepReader(tokenizer, metadata)


def _own_format(subject: Subject) -> Check:
    """Whether training writes problems and steps as the base knows them, with the ids that a reward model knows."""
    base = subject.base
    own, used = base.own_format, base.text_format
    message = f"prompt {used.prompt!r}{' in the chat template' if used.chat else ''}, separator {used.separator!r}"
    if base.metadata is not None:
        try:
            check_separator(base.metadata, base.ids(base.metadata.text_format.separator), Path(base.path))
        except PrmkitError as error:
            return Check(name="format", status=Status.VIOLATION, message=str(error))
    if own is None or own == used:
        source = "nothing else is known of the base" if own is None else "as the base knows them"
        return Check(name="format", status=Status.OK, message=f"{message}, {source}")
    known = f"the base knows prompt {own.prompt!r}, separator {own.separator!r}"
    return Check(name="format", status=Status.WARNING, message=f"{message}; {known}")


def _round_trip(subject: Subject) -> Check:
    """Whether problem and steps come back from their ids; white space aside."""
    base, found, rows = subject.base, [], 0
    for example in subject.sampled():
        rows += 1
        solution = subject.record(example).solution
        steps = solution.steps[: len(example.labels)]
        decoded = "".join(base.decode(example.encoded.ids).split())
        lost = [text for text in (solution.problem.problem, *steps) if "".join(text.split()) not in decoded]
        if lost:
            found.append(f"{subject.where(example)}: {lost[0][:80]!r}")
    return check(
        "text",
        found,
        fine=f"problem and steps of {rows} rows come back whole from their ids",
        wrong=f"of {rows} rows lose text of their problem or steps in prompt, template or tokenizer",
        status=Status.WARNING,
    )


def _chat_template(subject: Subject) -> Check:
    """Whether what the template makes of a problem holds it, and is the same on every day."""
    base, problem = subject.base, subject.record(subject.pool.training[0]).solution.problem.problem
    text, *dated = (
        base.text_format.chat_text(base.tokenizer, problem, **variables)
        for variables in ({}, *({"strftime_now": lambda _, date=date: date} for date in _DATES))
    )
    found = []
    if problem.strip() not in text:
        found.append(f"it leaves out {problem.strip()[:60]!r} and writes {text[-80:]!r}")
    if dated[0] != dated[1]:
        at = dated[0].index(_DATES[0])
        found.append(f"it writes today's date: {dated[0][max(0, at - 40) : at + 20]!r}")
    return check(
        "chat template",
        found,
        fine="the chat template writes the whole problem, and the same on every day",
        wrong="faults of the chat template: scores would not be those of the training; give a fixed --prompt",
    )


def _vocabulary(subject: Subject) -> Check:
    """Ids that the model has no embedding for, or that stand for unknown text."""
    base, size, unknown = subject.base, subject.base.config.get_text_config().vocab_size, 0
    found, vague = [], []
    largest = max(max(example.encoded.ids) for example in subject.examples)
    for example in subject.examples:
        if (highest := max(example.encoded.ids)) >= size:
            found.append(f"{subject.where(example)}: id {highest} ({base.decode([highest])!r})")
        if lost := example.encoded.ids.count(base.tokenizer.unk_token_id):
            unknown += lost
            vague.append(f"{subject.where(example)}: {lost} unknown tokens")
    if found or not vague:
        return check(
            "vocabulary",
            found,
            fine=f"ids up to {largest}, embeddings for {size}",
            wrong=f"rows have ids beyond the model's {size} embeddings; the tokenizer is another model's",
            largest=largest,
            embeddings=size,
        )
    return check(
        "vocabulary",
        vague,
        fine="",
        wrong=f"rows hold unknown tokens ({unknown} in all): the model cannot read these characters",
        status=Status.WARNING,
        unknown=unknown,
    )


def _special_tokens(subject: Subject) -> Check:
    """Special tokens where text should be: written by the data, or by the tokenizer between problem and steps."""
    base, tokenizer = subject.base, subject.base.tokenizer
    special = set(tokenizer.all_special_ids) - {*base.separator_ids, tokenizer.unk_token_id}
    end = tokenizer.eos_token_id
    found = []
    for example in subject.examples:
        ids, prompt = example.encoded.ids, example.encoded.ids[: example.encoded.prompt_length]
        if inside := [each for each in ids[len(prompt) :] if each in special]:
            found.append(f"{subject.where(example)}: a step holds {base.decode(inside[:1])!r}")
        elif not base.text_format.chat and end is not None and prompt[-1:] == [end]:
            found.append(f"{subject.where(example)}: the tokenizer ends the prompt with {base.decode([end])!r}")
        elif len(prompt) > 1 and prompt[0] == prompt[1] == tokenizer.bos_token_id:
            found.append(f"{subject.where(example)}: the prompt begins twice, with {base.decode(prompt[:2])!r}")
    if end is not None and end in base.separator_ids:
        found.append(f"the separator holds the end token {base.decode([end])!r}: policies stop there")
    return check(
        "special tokens",
        found,
        fine=f"none among the steps; padding is {tokenizer.pad_token!r}, the end {tokenizer.eos_token!r}",
        wrong="places have special tokens where text should be",
        status=Status.WARNING,
    )
