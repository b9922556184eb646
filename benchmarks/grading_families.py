r"""Answers of every family that the grader claims to read, with notations that are equal and values that are not.

Written by hand; each line is (reference answer, equal ones, different ones). The grader was improved while reading what
it got wrong here, so that these pairs show what it covers and not how it does on unseen answers. What is debatable
(`10\%` against `10`, a rounded decimal against a fraction) is left out.
"""

Case = tuple[str, tuple[str, ...], tuple[str, ...]]

NUMBERS: tuple[Case, ...] = (
    (
        "1234567",
        ("1,234,567", "1{,}234{,}567", r"1\,234\,567", "1234567.0", "+1234567"),
        ("1.234567", "123456", "1,234"),
    ),
    ("-7", ("−7", "- 7", "-7.0", r"-\frac{14}{2}", "(-7)"), ("7", "-(-7)", "|-7|")),
    ("0.5", (".5", r"\frac12", "1/2", "0.50", r"50\%", r"\tfrac{1}{2}", r"5 \times 10^{-1}"), ("0.05", "2", "5")),
    (r"2\frac{3}{4}", (r"\frac{11}{4}", "2.75", "11/4", "2 3/4", r"2 \frac34"), (r"\frac{6}{4}", "2.34", "23/4")),
    (r"-1\frac{1}{2}", ("-1.5", r"-\frac{3}{2}", "-3/2"), ("1.5", "-0.5", r"-\frac12")),
    (r"\frac{22}{7}", (r"3\frac{1}{7}", "22/7", r"\dfrac{22}{7}", r"\frac{44}{14}"), ("3.14", r"\pi", "7/22")),
    (
        "0.00025",
        (r"2.5 \times 10^{-4}", "2.5e-4", r"\frac{1}{4000}", "2.5E-4", ".00025"),
        ("0.0025", r"2.5 \times 10^{4}"),
    ),
    (
        r"6.02 \times 10^{23}",
        ("6.02e23", r"6.02 \cdot 10^{23}", r"602 \times 10^{21}"),
        (r"6.02 \times 10^{22}", "6.02"),
    ),
    (r"10^{100}", (r"1 \times 10^{100}", r"(10^{50})^2", r"100^{50}"), (r"10^{99}", r"10^{101}", "10")),
    ("2^{10}", ("1024", "32^2", r"2 \cdot 2^9", r"4^5"), ("20", "1023", "2^{11}")),
    ("25%", (r"25\%", "0.25", r"\frac14", r"25 \text{ percent}", "25 percent"), (r"2.5\%", r"75\%", "0.025")),
    (r"\frac{1}{3}", ("1/3", r"0.\overline{3}", r"\frac{2}{6}", "3^{-1}", r"33\frac{1}{3}\%"), ("0.3", "0.33", "3")),
    (r"0.\overline{27}", (r"\frac{3}{11}", "3/11"), ("0.27", r"0.2\overline{7}")),
    (
        "120",
        ("5!", r"\binom{10}{3}", r"\frac{6!}{6}", r"4 \cdot 30", r"2 \times 3 \times 20"),
        ("5", "4!", r"\binom{10}{2}"),
    ),
    ("8", (r"\sqrt{64}", "2^3", r"\sqrt[3]{512}", r"|-8|", r"\log_2 256", r"16^{3/4}"), (r"\sqrt{8}", "-8", "3^2")),
    ("0", ("0.0", "-0", r"\sin \pi", r"\ln 1", "0/5"), ("1", r"\cos 0", r"\text{none}")),
    ("-1", (r"e^{i\pi}", "i^2", r"\cos \pi", r"(-1)^3"), ("i", "1", "(-1)^2")),
)
UNITS: tuple[Case, ...] = (
    (r"\$18", ("18", r"\$18.00", "18 dollars", r"18\text{ dollars}", "$18"), ("81", r"\$1.80", "18 cents")),
    (r"\$1,250.50", ("1250.50", "1250.5", r"\$1250.5"), ("1250", r"\$12505")),
    (r"5 \text{ cm}", ("5", "5 cm", r"5\,\mathrm{cm}", r"5\text{ centimeters}"), ("50", r"6 \text{ cm}")),
    (r"12 \text{ m}^2", ("12", r"12\ \text{m}^2", "12 m^2", r"12 \text{ square meters}"), ("144", r"21 \text{ m}^2")),
    ("36", ("36 square inches", r"36\text{ in}^2", "36 hours", r"36 \text{ mph}"), ("63 hours", "6^3")),
    (r"60^\circ", ("60", "60°", "60 degrees", r"60^{\circ}"), ("30°", "61", r"\frac{\pi}{6}")),
    (
        r"\frac{\pi}{4}",
        (r"\pi/4", r"\frac14\pi", "π/4", r"0.25\pi", r"\arctan 1"),
        ("4", r"\frac{\pi}{2}", r"\frac{4}{\pi}"),
    ),
    (
        r"3\sqrt{2} \text{ feet}",
        (r"3\sqrt2", r"\sqrt{18}", r"\sqrt{18} \text{ ft}"),
        (r"2\sqrt{3}", r"3\sqrt{3} \text{ feet}"),
    ),
    ("3:45", (r"3\!:\!45", "3:45 "), ("3:54", "345", "3.45", "4:45")),
    (r"7\!:\!30 \text{ p.m.}", (r"7:30\text{ p.m.}", "7:30 PM", "7:30 p.m."), ("7:30 a.m.", "8:30 p.m.")),
    ("3:5", ("3 : 5", r"3\!:\!5", r"3\text{ to }5"), ("5:3", "3:4")),
    ("1011_2", ("1011_{2}", r"1011_{\text{2}}", r"1011_{\text{two}}"), ("1011_3", "1101_2")),
    ("A3F_{16}", (r"\text{A3F}_{16}", "A3F_16"), ("A3E_{16}",)),
)
EXPRESSIONS: tuple[Case, ...] = (
    (
        r"\frac{1}{\sqrt{2}}",
        (r"\frac{\sqrt{2}}{2}", r"\sqrt{\frac12}", "2^{-1/2}", r"\sqrt{2}/2", r"\sin 45^\circ"),
        (r"\sqrt2", "0.7"),
    ),
    (r"\sqrt{7+4\sqrt{3}}", (r"2+\sqrt{3}", r"\sqrt{3}+2"), (r"2-\sqrt{3}", r"7+4\sqrt{3}")),
    (r"\sqrt[3]{16}", (r"2\sqrt[3]{2}", r"16^{1/3}", r"2^{4/3}"), (r"\sqrt{16}", r"4\sqrt[3]{2}")),
    (
        r"\frac{3+\sqrt5}{2}",
        (r"\frac{3}{2}+\frac{\sqrt{5}}{2}", r"\left(\frac{1+\sqrt5}{2}\right)^2", r"(3+\sqrt{5})/2"),
        (r"\frac{3-\sqrt5}{2}", r"3+\frac{\sqrt5}{2}"),
    ),
    (
        "x^2-4",
        ("(x-2)(x+2)", r"x^{2} - 4", "-4+x^2", r"(x+2) \cdot (x-2)", r"-(4-x^2)"),
        ("x^2+4", "(x-2)^2", "x^2-4x"),
    ),
    (
        r"\frac{x}{x+1}",
        (r"1-\frac{1}{x+1}", "x/(x+1)", r"\frac{2x}{2x+2}"),
        (r"\frac{x+1}{x}", r"\frac{x}{x-1}", "x/x+1"),
    ),
    ("2ab", ("2ba", r"2 \cdot a \cdot b", r"a \times 2b", "ab+ab"), ("2a+b", "2ab^2", "2", "ab")),
    (r"x^{n+1}", (r"x \cdot x^n", "x^nx"), ("x^n+1", r"x^{n-1}")),
    (r"\sin 2x", (r"2\sin x\cos x", r"2 \cos(x) \sin(x)", r"\sin(2x)"), (r"2\sin x", r"\sin^2 x", r"\cos 2x")),
    (r"\sin^2 x", (r"1-\cos^2 x", r"(\sin x)^2", r"\frac{1-\cos 2x}{2}"), (r"\sin x^2", r"\cos^2 x")),
    (r"\tan x", (r"\frac{\sin x}{\cos x}", r"1/\cot x", r"\tan(x)"), (r"\cot x", r"\frac{\cos x}{\sin x}")),
    (r"\ln 8", (r"3\ln 2", r"\ln 2 + \ln 4", r"\log_e 8"), (r"\ln 6", r"2 \ln 3", r"\ln 2 \cdot \ln 4")),
    (r"\log_2 3", (r"\frac{\ln 3}{\ln 2}", r"\frac{\log 3}{\log 2}", r"\log_{2}{3}"), (r"\log_3 2", r"\log 3")),
    (r"e^{2x}", (r"(e^x)^2", r"e^x \cdot e^x", r"\exp(2x)"), ("2e^x", r"e^{x^2}", "e^{2}x")),
    ("3+4i", ("4i+3", r"3 + 4\mathrm{i}", r"-i^2(3+4i)", r"(2+i)^2"), ("3-4i", "4+3i", "5")),
    (
        r"\frac{1+i}{2}",
        (r"\frac12+\frac12 i", r"\frac{1}{2} + \frac{i}{2}", r"\frac{1}{1-i}", r"0.5+0.5i"),
        (r"\frac{1-i}{2}", "1+i"),
    ),
    (r"2\pi r^2", (r"2 \cdot \pi \cdot r^2", r"\pi \cdot 2r^2", "2πr^2"), (r"2\pi r", r"(2\pi r)^2", r"\pi r^2")),
    (r"|x-1|", (r"|1-x|", r"\left|x-1\right|", r"\lvert x-1\rvert", r"\sqrt{(x-1)^2}"), ("x-1", "|x+1|")),
    (
        r"\frac{n(n+1)}{2}",
        (r"\frac{n^2+n}{2}", r"\binom{n+1}{2}", r"\frac12 n(n+1)"),
        (r"\frac{n(n-1)}{2}", r"\frac{n^2+1}{2}"),
    ),
    (r"\lfloor 3.7 \rfloor", ("3",), ("4", "3.7")),
    (r"a_1 + a_2", (r"a_2+a_1", r"a_{1}+a_{2}"), (r"a_1 + a_3", "2a", "a_1a_2")),
    (r"\frac{dy}{dx} = 2x", (r"\frac{dy}{dx}=2 x",), (r"\frac{dy}{dx} = x",)),
)
COLLECTIONS: tuple[Case, ...] = (
    (
        "(1,2)",
        ("(1, 2)", r"\left(1,2\right)", r"(\frac22, 2)", r"( 1 , 2.0 )", "(x,y)=(1,2)"),
        ("(2,1)", "(1,2,3)", "1", "(1,-2)"),
    ),
    (
        r"(2, \frac{\pi}{3})",
        (r"\left(2,\frac{\pi}{3}\right)", r"(2, \pi/3)"),
        (r"(\frac{\pi}{3}, 2)", r"(2, \frac{\pi}{6})"),
    ),
    (
        r"\{1,2,3\}",
        (r"\{3,2,1\}", r"\left\{1,2,3\right\}", "1, 2, 3", r"\{1,1,2,3\}"),
        (r"\{1,2\}", r"\{1,2,4\}", r"\{1,2,3,4\}"),
    ),
    (
        "2, 3",
        ("3, 2", "2,3", "2 and 3", r"2 \text{ and } 3", r"\{2,3\}", "x=2, x=3", r"x = 2 \text{ or } x = 3"),
        ("2", "2, 4", "2,3,4", "23", "2.3"),
    ),
    (r"-1, \frac12", (r"\frac{1}{2}, -1", r"-1,0.5", r"\{-1, 1/2\}"), (r"1, \frac12", r"-\frac12")),
    (r"\pm 3", ("3, -3", "-3, 3", r"x = \pm 3", r"3 \text{ or } -3"), ("3", "-3", r"\pm 4")),
    (
        r"[0,1)",
        (r"\left[0,1\right)", r"0 \le x < 1", r"x \in [0,1)", r"[0, 1.0)"),
        ("[0,1]", "(0,1)", "(0,1]", r"0 < x < 1"),
    ),
    (
        r"(-\infty,2]",
        (r"x \le 2", r"(-\infty, 2]", r"x \leqslant 2", r"2 \ge x", r"\left(-\infty,2\right]"),
        (r"(-\infty,2)", "x < 2", r"x \ge 2"),
    ),
    (
        r"(-\infty,-1)\cup(1,\infty)",
        (r"(1,\infty) \cup (-\infty,-1)", r"x<-1 \text{ or } x>1", r"(-\infty,-1)\cup(1,+\infty)"),
        (r"(-1,1)", r"(-\infty,-1]\cup[1,\infty)"),
    ),
    (
        r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
        (
            r"\begin{bmatrix}1&2\\3&4\end{bmatrix}",
            r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}",
            r"\begin{pmatrix}1&2\\3&4\\\end{pmatrix}",
            r"\left[\begin{matrix}1&2\\3&4\end{matrix}\right]",
        ),
        (
            r"\begin{pmatrix}1&3\\2&4\end{pmatrix}",
            r"\begin{pmatrix}1&2\\3&5\end{pmatrix}",
            r"\begin{pmatrix}1&2\end{pmatrix}",
        ),
    ),
    (
        r"\begin{pmatrix}1\\2\end{pmatrix}",
        (r"\begin{bmatrix}1\\2\end{bmatrix}", r"\begin{pmatrix}1\\\frac{4}{2}\end{pmatrix}"),
        (r"\begin{pmatrix}2\\1\end{pmatrix}", "1"),
    ),
    (r"\emptyset", (r"\varnothing", r"\{\}", r"\text{no solution}"), (r"\{0\}", "0")),
    (r"\mathbb{R}", (r"(-\infty,\infty)", r"\text{all real numbers}"), (r"\mathbb{Z}", r"(0,\infty)")),
)
RELATIONS: tuple[Case, ...] = (
    ("x=3", ("3", "x = 3", "3=x", "x=3.0", r"x = \frac{6}{2}"), ("x=4", "4", "x=-3")),
    ("3", ("x = 3", "n=3", "k=3"), ("x=4", "x > 3")),
    ("y=2x+1", ("y = 1+2x", "2x+1=y", "y-2x=1", "2x-y+1=0", "2x + 1"), ("y=2x-1", "y=x+1", "2x+y=1")),
    ("x^2+y^2=4", ("y^2+x^2=4", "x^2+y^2-4=0", "4=x^2+y^2"), ("x^2+y^2=2", "x^2-y^2=4", "x^2+y^2")),
    ("2x+3y=6", ("4x+6y=12", "3y+2x=6", "2x+3y-6=0"), ("2x+3y=12", "3x+2y=6")),
    ("x>5", ("5<x", r"(5,\infty)", "x > 5", r"x \in (5, \infty)"), (r"x \ge 5", "x<5", "x>6", "5")),
    (r"-2 < x \le 3", (r"(-2,3]", r"3 \ge x > -2", r"x \in (-2,3]"), (r"-2 \le x \le 3", r"[-2,3]", r"-2 < x < 3")),
    (r"x \neq 0", (r"x \ne 0", r"x≠0"), ("x = 0", r"x \neq 1")),
    ("f(x) = x^2", ("x^2", "f(x)=x^2"), ("f(x) = x^3", "2x")),
)
TEXTS: tuple[Case, ...] = (
    (r"\text{(B)}", ("B", "(B)", r"\text{B}", r"\textbf{(B)}", r"\text{(B)}\ 12", "B."), ("C", r"\text{(C)}", "A")),
    ("D", ("(D)", r"\text{D}", r"\boldsymbol{D}", "D) 4"), ("A", "(B)", "d+1")),
    (r"\text{yes}", ("Yes", "yes", r"\text{Yes}", r"\textbf{yes}"), ("no", r"\text{No}")),
    (r"\text{Monday}", ("Monday", "monday", r"\mathrm{Monday}"), ("Tuesday", r"\text{Mon and Tue}")),
    (
        r"\text{no real solutions}",
        ("no real solutions", r"\text{No real solutions}"),
        (r"\text{two real solutions}", "0"),
    ),
    (
        r"\text{Alice}, \text{Bob}",
        (r"\text{Alice and Bob}", "Alice, Bob", r"\text{Bob}, \text{Alice}"),
        (r"\text{Alice}", r"\text{Alice}, \text{Carl}"),
    ),
    (r"\text{odd}", ("odd", "Odd"), ("even", r"\text{neither}")),
    ("ABC", ("ABC", r"\text{ABC}"), ("ACD", "AB")),
)
CONTESTS: tuple[Case, ...] = (
    (
        r"\frac{1}{4}(\sqrt{5}-1)",
        (r"\frac{\sqrt5-1}{4}", r"\frac{\sqrt{5}}{4}-\frac14", r"\sin 18^\circ"),
        (r"\frac{\sqrt5+1}{4}",),
    ),
    (r"2^{1009}", (r"2 \cdot 2^{1008}", r"4^{504} \cdot 2", r"2^{1010}/2"), (r"2^{1008}", r"2^{1009}-1", "2018")),
    (r"3^{2022}-1", (r"-1+3^{2022}", r"9^{1011}-1"), (r"3^{2022}+1", r"3^{2022}", r"3^{2021}")),
    (
        r"\binom{2n}{n}",
        (r"\frac{(2n)!}{n!\,n!}", r"\frac{(2n)!}{(n!)^2}", r"{2n \choose n}"),
        (r"\binom{2n}{2}", r"\frac{(2n)!}{n!}"),
    ),
    (
        r"\left\lfloor \frac{n^2}{4} \right\rfloor",
        (r"\lfloor n^2/4 \rfloor", r"\lfloor \frac{n^{2}}{4} \rfloor"),
        (r"\left\lceil \frac{n^2}{4} \right\rceil", r"\frac{n^2}{4}"),
    ),
    (r"\frac{n!}{2}", (r"\frac12 n!", r"n!/2"), (r"\left(\frac{n}{2}\right)!", r"n!")),
    (r"2^n - n - 1", (r"2^{n}-(n+1)", r"-1-n+2^n"), (r"2^{n-1} - n", r"2^n-n+1")),
    (
        "(1,2),(2,1)",
        ("(2,1),(1,2)", r"(1,2) \text{ and } (2,1)", r"\{(1,2),(2,1)\}", r"(1, 2), (2, 1)"),
        ("(1,2)", "(1,2),(1,2)", "(1,2),(2,2)"),
    ),
    (r"(3,7), (5,5)", (r"(5,5), (3,7)", r"(x,y) = (3,7), (5,5)"), ("(7,3), (5,5)", "(3,7)")),
    ("a=1, b=2", (r"a = 1, b = 2", r"b=2, a=1", r"a=1 \text{ and } b=2"), ("a=2, b=1", "a=1, b=3")),
    ("f(x)=x", ("f(x) = x", "x"), ("f(x)=-x", "f(x)=2x")),
    (r"f(x)=0, f(x)=x", (r"f(x) = x, f(x) = 0", r"f(x)=x \text{ and } f(x)=0"), ("f(x)=0", "f(x)=x")),
    (r"n \geq 3", (r"n \ge 3", r"n\geqslant 3", r"3 \le n"), (r"n > 3", r"n \le 3", "n = 3")),
    (r"1,2,\ldots,n", (r"1, 2, \dots, n", r"1,2,\ldots ,n"), (r"1,2,\ldots,n-1",)),
    (
        r"\frac{2\sqrt{3}}{3} \mathrm{~cm}",
        (r"\frac{2}{\sqrt3}", r"\frac{2\sqrt{3}}{3}\text{ cm}", r"\frac{2 \sqrt{3}}{3}"),
        (r"\frac{\sqrt{3}}{3}",),
    ),
    (
        r"1.5 \times 10^{-10} \mathrm{~m}",
        (r"1.5 \times 10^{-10}", r"1.5e-10", r"0.15 \times 10^{-9}\ \mathrm{m}"),
        (r"1.5 \times 10^{10}", "1.5"),
    ),
    (
        r"\frac{a+b+c}{3}",
        (r"\frac{1}{3}(a+b+c)", r"(c+b+a)/3", r"\frac a3+\frac b3+\frac c3"),
        (r"\frac{a+b-c}{3}", "a+b+c"),
    ),
    (
        r"\sqrt{a^2+b^2}",
        (r"\sqrt{b^{2}+a^{2}}", r"(a^2+b^2)^{1/2}", r"\left(a^2+b^2\right)^{\frac12}"),
        ("a+b", r"\sqrt{a^2-b^2}"),
    ),
    (r"\frac{\pi^2}{6}", (r"\pi^2/6", r"\frac{1}{6}\pi^{2}"), (r"\frac{\pi}{6}", r"\left(\frac{\pi}{6}\right)^2")),
    (
        r"\frac{1}{2}\ln 3",
        (r"\ln\sqrt{3}", r"\frac{\ln 3}{2}", r"\ln 3^{1/2}", r"\frac{\log 3}{2\log e}"),
        (r"\ln\frac32", r"2\ln 3"),
    ),
    (r"\arctan 2", (r"\tan^{-1} 2", r"\tan^{-1}(2)", r"\arctan(2)"), (r"\tan 2", r"\arctan \frac12")),
    (r"x^2+xy+y^2", (r"y^2+xy+x^2", r"(x+y)^2-xy", r"\frac{x^3-y^3}{x-y}"), (r"x^2+y^2", r"(x+y)^2", r"x^2-xy+y^2")),
    (r"\{x \mid x > 2\}", (r"(2,\infty)", r"x>2", r"\{x : x>2\}"), (r"\{x \mid x \ge 2\}", r"x<2")),
    (
        r"-\frac{1}{3} \leq k \leq 1",
        (r"\left[-\frac13, 1\right]", r"k \in [-1/3, 1]"),
        (r"-\frac13 < k < 1", r"k \le 1"),
    ),
    (
        r"\pm \frac{\sqrt{3}}{2}",
        (r"\frac{\sqrt3}{2}, -\frac{\sqrt3}{2}", r"-\sqrt{3}/2, \sqrt{3}/2"),
        (r"\frac{\sqrt3}{2}",),
    ),
    (
        r"2\vec{i}+3\vec{j}",
        (r"3\vec{j}+2\vec{i}", r"2 \vec i + 3 \vec j"),
        (r"2\vec{i}-3\vec{j}", r"3\vec{i}+2\vec{j}"),
    ),
    (
        "2020",
        (r"2{,}020", "2020.", r"\boldsymbol{2020}", r"\mathbf{2020}", r"\underline{2020}"),
        ("2021", "20.20", r"\sqrt{2020}"),
    ),
)
FAMILIES = {
    "numbers": NUMBERS,
    "units": UNITS,
    "expressions": EXPRESSIONS,
    "collections": COLLECTIONS,
    "relations": RELATIONS,
    "texts": TEXTS,
    "contests": CONTESTS,
}
