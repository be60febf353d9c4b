import json

from verify.boxes import ask_lirpa, main, prompt
from verify.measured import measured_rows
from verify.rows import ROOT
from verify.subject import load_subject


def test_the_table_holds_and_becomes_rows(tmp_path, capsys):
    out = tmp_path / "boxes.json"
    assert main(["--models", "attention-only-1-0", "--points", "2", "--out", str(out)]) == 0
    points = json.loads(out.read_text())["points"]
    assert all(point["holds"] and point["attained"] <= point["bound"] for point in points)
    ours, intervals = (
        [p["bound"] for p in points if p["variant"] == variant] for variant in ("ours", "intervals")
    )
    assert all(a <= b for a, b in zip(ours, intervals, strict=True))
    assert len(measured_rows(tmp_path)) == len(points)
    assert "radius 1e-06" in capsys.readouterr().out


def test_an_interpreter_without_auto_lirpa_says_so():
    model = load_subject(ROOT / "verify" / "zoo" / "attention-only-1-0.safetensors")
    told = ask_lirpa("false", model.weights, prompt(2), 0.1, "IBP", 60.0)
    assert set(told) == {"why"}
