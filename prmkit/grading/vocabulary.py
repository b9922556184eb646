"""The words of the notation that `prmkit.grading.tokens` knows, and the tokens that they become."""

from prmkit.grading.words import word_set

FUNCTIONS = word_set(
    "sin cos tan cot sec csc sinh cosh tanh coth sech csch arcsin arccos arctan arccot arcsec arccsc "
    "arsinh arcosh artanh arcsinh arccosh arctanh log ln lg exp max min gcd lcm"
)
"""Functions whose argument needs no brackets."""
GREEK = word_set(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho varrho sigma tau "
    "upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell hbar"
)
OPS = {
    "cdot": "*", "times": "*", "ast": "*", "div": "/", "pm": "pm", "mp": "mp", "le": "<=", "leq": "<=",
    "leqslant": "<=", "ge": ">=", "geq": ">=", "geqslant": ">=", "ne": "!=", "neq": "!=", "lt": "<", "gt": ">",
    "approx": "~", "equiv": "mod", "in": "in", "cup": "cup", "bigcup": "cup", "cap": "cap", "setminus": "setminus",
    "backslash": "setminus", "emptyset": "empty", "varnothing": "empty", "mid": "|", "vert": "|",
    "lvert": "(|", "rvert": "|)", "lfloor": "(floor", "rfloor": "floor)", "lceil": "(ceil", "rceil": "ceil)",
    "langle": "(", "rangle": ")", "lbrace": "\\{", "rbrace": "\\}", "lbrack": "[", "rbrack": "]", "colon": ":",
    "pmod": "pmod", "bmod": "pmod",
    "degree": "degrees", "degrees": "degrees", "prime": "'", "land": "and", "lor": "or", "wedge": "and", "vee": "or",
    "{": "\\{", "}": "\\}", "%": "%", "\\": "\\\\", "_": "_",
}  # fmt: skip
"""Commands that are operators."""
NAMES = {"pi": "pi", "imath": "i", "infty": "oo"}
ACCENTS = word_set("vec hat bar overline tilde dot widehat overrightarrow mathbf boldsymbol bm mathcal mathscr")
"""Commands over one letter, which make it another name."""
FONTS = word_set("mathbf boldsymbol bm mathcal mathscr")
"""Those that only change its look."""
BARE = {
    "pi": ("name", "pi"), "infinity": ("name", "oo"), "inf": ("name", "oo"), "oo": ("name", "oo"),
    "infty": ("name", "oo"),
    "sqrt": ("command", "sqrt"), "frac": ("command", "frac"), "dfrac": ("command", "frac"), "abs": ("command", "abs"),
    "and": ("op", "and"), "or": ("op", "or"), "in": ("op", "in"), "mod": ("op", "pmod"), "base": ("op", "_"),
    "theta": ("name", "theta"), "alpha": ("name", "alpha"), "beta": ("name", "beta"), "lambda": ("name", "lambda"),
    "degree": ("op", "degrees"), "degrees": ("op", "degrees"), "percent": ("op", "%"),
    "asin": ("function", "arcsin"), "acos": ("function", "arccos"), "atan": ("function", "arctan"),
}  # fmt: skip
"""Words outside commands that are no product of letters."""
COMMANDS = word_set("frac binom sqrt")
"""Commands whose arguments the parser reads."""
UNICODE = {
    "−": "-", "–": "-", "—": "-", "×": "*", "·": "*", "⋅": "*", "∙": "*", "∗": "*", "÷": "/", "∕": "/", "⁄": "/",
    "π": r"\pi ", "∞": r"\infty ", "≤": "<=", "≥": ">=", "≠": "!=", "⩽": "<=", "⩾": ">=", "≈": r"\approx ",
    "≡": r"\equiv ",
    "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∖": r"\setminus ", "∅": r"\emptyset ", "ℝ": r"\mathbb{R}",
    "ℤ": r"\mathbb{Z}", "ℂ": r"\mathbb{C}", "ℚ": r"\mathbb{Q}", "ℕ": r"\mathbb{N}", "°": r"\degree ", "º": r"\degree ",
    "√": r"\sqrt ", "±": r"\pm ", "∓": r"\mp ", "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ", "γ": r"\gamma ",
    "λ": r"\lambda ", "μ": r"\mu ", "φ": r"\phi ", "ω": r"\omega ", "σ": r"\sigma ", "ρ": r"\rho ", "⟨": "(", "⟩": ")",
    "′": "'", "’": "'", "½": r"\frac{1}{2}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}", "⅓": r"\frac{1}{3}",
    "⅔": r"\frac{2}{3}", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ", "，": ",", "（": "(",
    "）": ")", "：": ":",
}  # fmt: skip
JOINING = {
    "and": "and", "or": "or", "degrees": "degrees", "degree": "degrees", "percent": "%", "base": "_", "to": ":",
}  # fmt: skip
"""Words in text commands that are operators."""
REALS = frozenset({"all real numbers", "all reals", "real numbers", "the set of all real numbers", "all real"})
BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
CHANGES_VALUE = word_set(
    "hundred thousand million billion trillion dozen half halves third thirds quarter quarters if for when where mod "
    "to times per plus minus over of not except a.m. p.m. am pm base pi or and more less least most fewer greater than "
    "is are was be has have even odd prime positive negative each choose squared cubed"
)
"""Words after a number that are no unit."""
