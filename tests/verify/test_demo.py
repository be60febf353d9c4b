"""The page's own network agrees with torch (Node), and the page works in a browser (Chromium)."""

import json
import math
import shutil
import subprocess

import pytest
import torch

from tests.verify.tiny import tiny_checkpoint
from verify.cases import Candidate, subject_of
from verify.report import HERE, main, model_data, panel_data, report
from verify.rows import Row, write
from verify.sampling import interleave

NODE, CHROMIUM = shutil.which("node"), shutil.which("chromium")
SCRIPT = """
const ICL = require(process.argv[1]);
const { model, prompts } = JSON.parse(require("fs").readFileSync(0));
const network = ICL.decode(model);
const said = prompts.map((p) => {
  const caches = ICL.begin(network, p.slice(0, -1)), x = p[p.length - 1];
  const once = ICL.say(network, caches, x);
  return [once, ICL.say(network, caches, x)];
});
console.log(JSON.stringify({ said, erf: [-3, -1, 0.5, 2.4, 2.6, 5].map(ICL.erf) }));
"""


def node(weights, prompts) -> dict:
    text = json.dumps({"model": model_data(weights), "prompts": prompts})
    command = [NODE, "-e", SCRIPT, str(HERE / "demo.js")]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.skipif(NODE is None, reason="no Node here")
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"score": "ssa", "activation": "silu", "final_norm": "rmsnorm"},
        {"score": "hardmax", "activation": "gelu", "block_norm": "dyt", "final_norm": "none"},
        {"score": "sigmoid", "activation": "relu", "norm_position": "post"},
        {"score": "linear", "mlp": False, "residual": False},
    ],
    ids=lambda c: c.get("score", "softmax"),
)
def test_node_says_what_torch_says(tmp_path, changes):
    model = subject_of(Candidate(tiny_checkpoint(tmp_path, **changes)))
    xs = torch.linspace(-2, 2, 5).expand(3, -1) * torch.tensor([[1.0], [10.0], [1e4]])
    prompts = interleave(xs, 0.7 * xs + 0.1).double()
    with torch.no_grad():
        expected = model.reference().tokens(prompts)[:, -1].tolist()
    found = node(model.weights, prompts.tolist())
    for (first, second), y in zip(found["said"], expected, strict=True):
        # alpha and SSA's powers are float32 numbers of the file: the same doubles on both sides
        assert first == second == pytest.approx(y, rel=1e-6, abs=1e-9)
    for value, x in zip(found["erf"], [-3, -1, 0.5, 2.4, 2.6, 5], strict=True):
        assert value == pytest.approx(math.erf(x), abs=1e-13)


@pytest.fixture
def page(tmp_path):
    model = subject_of(Candidate(tiny_checkpoint(tmp_path)))
    row = Row("L2", "a <claim> & more", "theorem", model.name, True, 1.0, 0.5, 0.5)
    path = tmp_path / "report.html"
    path.write_text(report([row], model, "Title", "python -m verify tiny"))
    return path


def test_the_page_is_self_contained_and_escaped(page):
    text = page.read_text()
    assert "a &lt;claim&gt; &amp; more" in text
    for outside in ("http://", "https://", "<link", 'src="/', "@import"):
        assert outside not in text, outside
    assert str(page.parent) not in text


def test_the_panel_carries_ceiling_and_plateaus(tmp_path):
    model = subject_of(Candidate(tiny_checkpoint(tmp_path)))
    data = panel_data(model)
    low, high = data["ceiling"]
    assert low < data["plateau"][0] < high and low < data["plateau"][1] < high


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_the_page_runs_in_a_browser(page):
    flags = ("--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000")
    command = [CHROMIUM, *flags, "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "the model says" in done.stdout, "the panel's script did not run"


def test_the_command_writes_the_page_or_says_what_is_missing(tmp_path, capsys):
    rows, out = tmp_path / "rows.jsonl", tmp_path / "deep" / "report.html"
    place = [f"--model={tiny_checkpoint(tmp_path)}", f"--rows={rows}", f"--out={out}"]
    assert main(place) == 2 and "run `pytest verify/` first" in capsys.readouterr().err
    write([Row("C-x", "c", "empirical", "", True, at={"verdict": "holds"})], rows)
    assert main(place) == 0 and "1 holds: C-x" in out.read_text()
