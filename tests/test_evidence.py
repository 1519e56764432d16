"""docs/evidence.md says what the committed summaries say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
import evidence  # noqa: E402


def summary(method: str, miou: float, seed: int = 0, **others: Any) -> dict[str, Any]:
    deployed = "teacher_a"
    return {
        "method": method,
        "seed": seed,
        "steps": 100,
        "labeled_images": 6,
        "seconds": 66.0,
        "training_seconds": 60.0,
        "miou": miou,
        "miou_best": miou,
        "commit": "abc1234",
        "deployed": deployed,
        "networks": {"student_a": miou - 1.0, deployed: miou},
        "per_class_iou": {"road": 80.0, "car": 40.0, "pole": 5.0},
        **others,
    }


def write(folder: Path, **named: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in named.items():
        (folder / f"{name.replace('__', '-')}.json").write_text(json.dumps(content))


def test_the_page_is_what_the_summaries_say() -> None:
    page = evidence.PAGE.read_text(encoding="utf-8")
    assert evidence.in_page(page, evidence.page_tables(evidence.RESULTS)) == page, (
        "run python benchmarks/evidence.py --write"
    )


def test_gain_verdict_share_of_the_gap_and_worst_class(tmp_path: Path) -> None:
    alone = summary("labels_only", 40.0)
    alone["networks"]["student_a"] = 42.0  # the better network is the one that counts
    ours = summary("mutual", 49.0, per_class_iou={"road": 90.0, "car": 30.0, "pole": 0.0})
    write(tmp_path / "equal_steps", **{"labels_only__6__s0": alone, "mutual__6__s0": ours})
    ceiling = {**summary("labels_only", 56.0), "labeled_images": 367}
    write(tmp_path / "ceiling", **{"labels_only__367__s0": ceiling})

    tables = evidence.page_tables(tmp_path)

    assert "| 6 | labels_only | 0: 42.00 | 42.00 | 42.00 | - | one seed | 100 | 1.0 | abc1234 |" in tables
    assert "| 6 | mutual | 0: 49.00 | 49.00 | 49.00 | +7.00 | - | 100 | 1.0 | abc1234 |" in tables
    assert "| 6 | 0 | 42.00 | 49.00 | 50 % | - | 75 % (car: 40.0 to 30.0) |" in tables


def test_the_gap_on_test_is_that_of_the_test_part(tmp_path: Path) -> None:
    def tested(method: str, miou: float, on_test: float, **others: Any) -> dict[str, Any]:
        return summary(method, miou, test={"network": "teacher_a", "miou": on_test}, **others)

    write(
        tmp_path / "equal_steps",
        labels_only__6__s0=tested("labels_only", 40.0, 30.0),
        mutual__6__s0=tested("mutual", 45.0, 33.0),
    )
    write(tmp_path / "ceiling", labels_only__367__s0=tested("labels_only", 60.0, 40.0, labeled_images=367))
    tables = evidence.page_tables(tmp_path)
    assert "The gap to all labels (60.00, on test 40.00)" in tables
    assert "| 6 | 0 | 40.00 | 45.00 | 25 % | 30 % | " in tables


def test_labels_alone_above_the_ceiling_leave_no_gap(tmp_path: Path) -> None:
    write(
        tmp_path / "equal_steps",
        labels_only__6__s0=summary("labels_only", 40.0),
        mutual__6__s0=summary("mutual", 45.0),
    )
    write(
        tmp_path / "ceiling",
        labels_only__367__s0={**summary("labels_only", 39.0), "labeled_images": 367},
    )
    assert "| 6 | 0 | 40.00 | 45.00 | - | - | " in evidence.page_tables(tmp_path)


def test_tuning_sets_other_weights_beside_the_run_of_equal_steps(tmp_path: Path) -> None:
    write(tmp_path / "equal_steps", cps__6__s0=summary("cps", 43.0), cps__6__s1=summary("cps", 44.0, 1))
    write(tmp_path / "tuning", **{"cps-halved__6__s0": summary("cps", 42.0)})
    assert "| cps | 6 | 0 | 42.00 | 43.00 | - |" in evidence.page_tables(tmp_path)
    write(tmp_path / "tuning", **{"cps-doubld__6__s0": summary("cps", 42.0)})
    with pytest.raises(ValueError, match="neither as it is, halved nor doubled"):
        evidence.page_tables(tmp_path)


def test_tuning_on_a_cpu_is_set_beside_runs_of_its_length(tmp_path: Path) -> None:
    write(tmp_path / "equal_steps", mutual__6__s0=summary("mutual", 50.0, steps=200))
    write(tmp_path / "ablation", mutual__6__s0=summary("mutual", 47.0))
    write(tmp_path / "cpu-tuning", **{"mutual-halved__6__s0": summary("mutual", 46.0)})
    assert "| mutual | 6 | 0 | 46.00 | 47.00 | - |" in evidence.page_tables(tmp_path)
    write(tmp_path / "cpu-tuning", **{"mutual-doubled__6__s0": summary("mutual", 46.0, steps=200)})
    with pytest.raises(ValueError, match="differ in steps: 100, 200"):
        evidence.page_tables(tmp_path)


def test_runs_of_two_kinds_of_machine_are_no_table(tmp_path: Path) -> None:
    write(tmp_path / "equal_steps", mutual__6__s0=summary("mutual", 47.0, device="cpu"))
    write(tmp_path / "equal_steps", mutual__6__s1=summary("mutual", 47.0, 1))  # of before devices were told
    evidence.page_tables(tmp_path)
    write(tmp_path / "equal_steps", mutual__6__s2=summary("mutual", 47.0, 2, device="cuda"))
    with pytest.raises(ValueError, match="differ in device: cpu, cuda"):
        evidence.page_tables(tmp_path)


def test_runs_of_equal_time_are_a_table_of_their_own(tmp_path: Path) -> None:
    write(tmp_path / "equal_steps", mutual__6__s0=summary("mutual", 47.0))
    longer = summary("labels_only", 41.0, steps=400)
    write(tmp_path / "equal_time", labels_only__6__s0=longer, mutual__6__s0=summary("mutual", 44.0))
    tables = evidence.page_tables(tmp_path).split("### Equal wall time on a CPU")[1]
    assert "| 6 | labels_only | 0: 41.00 | 41.00 | 41.00 | - | one seed | 400 |" in tables
    assert "| 6 | mutual | 0: 44.00 | 44.00 | 44.00 | +3.00 | - | 100 |" in tables
    assert "47.00" not in tables
    scored = summary("mutual", 44.0, test={"network": "teacher_a", "miou": 41.5})
    write(tmp_path / "equal_time", mutual__6__s0=scored)
    tables = evidence.page_tables(tmp_path).split("### Equal wall time on a CPU, CamVid's test part")[1]
    assert "| 6 | mutual | 0: 41.50 | 41.50 |" in tables
    write(tmp_path / "equal_time", labels_only__6__s0={**longer, "commit": "of another program"})
    with pytest.raises(ValueError, match="differ in commit"):
        evidence.page_tables(tmp_path)


def test_a_lead_on_every_seed_beyond_the_spread_is_ahead(tmp_path: Path) -> None:
    for seed, (alone, ours) in enumerate([(40.0, 44.0), (41.0, 44.5)]):
        write(
            tmp_path / "equal_steps",
            **{
                f"labels_only__6__s{seed}": summary("labels_only", alone, seed),
                f"mutual__6__s{seed}": summary("mutual", ours, seed),
            },
        )
    assert "| 40.50 ± 1.00 | 40.50 | - | ahead |" in evidence.page_tables(tmp_path)


def test_scores_on_test_have_a_table_of_their_own(tmp_path: Path) -> None:
    alone = summary("labels_only", 40.0, test={"network": "teacher_a", "miou": 35.0})
    ours = summary("mutual", 44.0, test={"network": "teacher_a", "miou": 41.5})
    other = summary("cps", 43.0, test={"network": "student_a", "miou": 60.0})  # not the one that counts
    named = {"labels_only__6__s0": alone, "mutual__6__s0": ours, "cps__6__s0": other}
    write(tmp_path / "equal_steps", **named)
    test_part = evidence.page_tables(tmp_path).split("### ")[1]
    assert test_part.startswith("Equal steps, CamVid's test part")
    assert "| 6 | mutual | 0: 41.50 | 41.50 | - | +6.50 | - |" in test_part
    assert "cps" not in test_part


def test_ablation_is_held_against_the_full_recipe(tmp_path: Path) -> None:
    write(
        tmp_path / "ablation",
        mutual__6__s0=summary("mutual", 44.0, networks={"teacher_a": 44.0, "teacher_b": 46.0}),
        no_peer__6__s0=summary("mutual", 42.5, networks={"teacher_a": 42.5, "teacher_b": 43.0}),
    )
    tables = evidence.page_tables(tmp_path)
    assert "| mutual | 0 | 6 | 100 | 44.00 | - | 46.00 | - |" in tables
    assert "| no_peer | 0 | 6 | 100 | 42.50 | +1.50 | 43.00 | +3.00 |" in tables


@pytest.mark.parametrize(
    ("name", "said"),
    [("mutual__6", "not named"), ("mutual__12__s0", "6 labels and seed 0"), ("mutual__6__s1", "seed 0")],
)
def test_a_summary_under_another_name_is_refused(tmp_path: Path, name: str, said: str) -> None:
    write(tmp_path, **{name: summary("mutual", 44.0)})
    with pytest.raises(ValueError, match=said):
        evidence.rows_in(tmp_path)


def test_runs_with_other_rates_are_not_set_side_by_side(tmp_path: Path) -> None:
    low, high = ({"encoder_rate": rate} for rate in (1e-4, 2e-4))
    named = {
        "labels_only__6__s0": summary("labels_only", 40.0, optimization=low),
        "mutual__6__s0": summary("mutual", 44.0, optimization=high),
    }
    write(tmp_path / "equal_steps", **named)
    with pytest.raises(ValueError, match="labels_only-6-s0 and mutual-6-s0 were trained with other rates"):
        evidence.page_tables(tmp_path)


def test_methods_with_other_phases_are_not_set_side_by_side(tmp_path: Path) -> None:
    with_end, without = {"burn_in": 0.2, "ramp": 0.1, "cooldown": 0.2}, {"burn_in": 0.2, "ramp": 0.1}
    write(tmp_path / "equal_steps", labels_only__6__s0=summary("labels_only", 40.0))
    write(tmp_path / "equal_steps", mutual__6__s0=summary("mutual", 44.0, method_arguments=with_end))
    write(tmp_path / "ablation", no_cooldown__6__s0=summary("mutual", 43.0, method_arguments=without))
    assert "no_cooldown" in evidence.page_tables(tmp_path)
    write(tmp_path / "equal_steps", cps__6__s0=summary("cps", 43.0, method_arguments=without))
    with pytest.raises(ValueError, match="cps-6-s0 and mutual-6-s0 were trained with other"):
        evidence.page_tables(tmp_path)


def test_the_program_prints_the_tables() -> None:
    run = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks/evidence.py")], capture_output=True, text=True, check=True
    )
    assert "### Equal steps" in run.stdout
