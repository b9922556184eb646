"""What reading each disagreement with the data's label showed, so that it survives reruns of the benchmark."""

LABEL, DEBATABLE = "label's fault", "debatable"

CLASSIFIED = {
    ("processbench-gsm8k", "gsm8k-70"): (
        LABEL,
        "the reference answer is 59 and the boxed answer is 59; the label counts the steps, which are wrong",
    ),
    ("processbench-gsm8k", "gsm8k-74"): (
        LABEL,
        "the reference answer is 2 and the boxed answer is 2; the label counts the steps, which are wrong",
    ),
    ("processbench-gsm8k", "gsm8k-319"): (
        DEBATABLE,
        "asked for how many are left (10), the answer names both parts (4 blue and 6 red) and not their sum",
    ),
    ("processbench-math", "math-392"): (
        DEBATABLE,
        "1/(sin x cos x) - tan x is equal to cot x, but the problem asks to simplify and the answer stops half-way",
    ),
}
"""(source, name of the pair) -> (`our fault`, `label's fault` or `debatable`; why)."""
