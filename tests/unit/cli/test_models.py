"""`saywhere models list|pull|push`, and a name where a run is asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from console import Ended
from small_run import rows_of

Say = Callable[..., Ended]


@pytest.fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAYWHERE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("SAYWHERE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def test_a_run_becomes_a_model_and_its_name_serves_every_verb(
    say: Say, trained: Path, manifest: Path, tmp_path: Path
) -> None:
    ended = say("models", "push", trained, tmp_path / "models" / "spot")
    assert ended.code == 0
    assert "nothing was measured" in ended.flat_err
    assert "no --about" in ended.flat_err
    found = {entry["name"]: entry for entry in json.loads(say("models", "list", "--json").out)}
    assert found["spot"]["folder"] == str(tmp_path / "models" / "spot")
    assert "spot" in say("models", "list").out
    assert say("models", "list", "--quiet").out.splitlines() == list(found)

    image = manifest.parent / rows_of(manifest)[0]["image"]
    assert (
        say("predict", "spot", image, "--prompt", "upper left", "--out", tmp_path / "masks").code
        == 0
    )
    assert len(list((tmp_path / "masks").glob("*-mask.png"))) == 1
    ended = say("evaluate", "spot", "--data", manifest, "--prompts", "place", "--json")
    assert ended.code == 0
    assert (tmp_path / "runs/spot-evaluation/summary.json").is_file()
    assert "evaluation" not in {path.name for path in (tmp_path / "models/spot").iterdir()}
    ended = say(
        "train",
        "spot",
        "--from",
        "spot",
        "--set",
        f"data.manifest={manifest}",
        "--set",
        "train.epochs=1",
        "--out",
        tmp_path / "finer",
        "--quiet",
    )
    assert ended.code == 0, ended.err
    assert json.loads((tmp_path / "finer/run.json").read_text())["started_from"] == "spot"


def test_without_data_a_model_says_what_to_name(say: Say, trained: Path, tmp_path: Path) -> None:
    say("models", "push", trained, tmp_path / "models" / "spot")
    ended = say("evaluate", "spot")
    assert ended.code == 2
    assert "name it with --data" in ended.flat_err


def test_pull_says_where_it_is(say: Say, trained: Path, tmp_path: Path) -> None:
    say("models", "push", trained, tmp_path / "far" / "spot")
    ended = say("models", "pull", tmp_path / "far" / "spot", "--name", "near", "--json")
    assert json.loads(ended.out) == {"name": "near", "folder": str(tmp_path / "cache/models/near")}
    assert say("models", "pull", tmp_path / "far" / "spot", "--name", "near").code == 2
    assert say("models", "pull", tmp_path / "far" / "spot", "--name", "other", "--quiet").out == ""
    assert say("models", "pull", tmp_path / "nowhere").code == 2


def test_a_blend_of_two_runs_is_told_by_its_folder(
    say: Say, trained: Path, run_copy: Path, tmp_path: Path
) -> None:
    facts = json.loads((run_copy / "run.json").read_text())
    stranger = say("models", "blend", run_copy, trained)
    assert stranger.code == 2
    assert "was not trained from" in stranger.flat_err
    (run_copy / "run.json").write_text(json.dumps(facts | {"started_from": str(trained)}))
    ended = say(
        "models",
        "blend",
        run_copy,
        trained,
        "--share",
        "0.3",
        "--out",
        tmp_path / "between",
        "--json",
    )
    assert json.loads(ended.out) == {"folder": str(tmp_path / "between"), "share": 0.3}
    assert say(
        "models", "blend", run_copy, trained, "--out", tmp_path / "between"
    ).out.strip() == str(tmp_path / "between-2")
    refused = say("models", "blend", run_copy, trained, "--share", "1")
    assert refused.code == 2
    assert "a share of 1.0" in refused.flat_err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list"], ""),
        (["push", "pollyp", "somewhere"], "no run and no model 'pollyp'"),
        (["pull", "nowhere/pollyp"], "no model at nowhere/pollyp"),
    ],
)
def test_a_list_and_a_mistyped_name_are_answered_without_torch(
    arguments: list[str], message: str
) -> None:
    code = (
        "import sys\n"
        "from saywhere.cli.main import app\n"
        "try:\n"
        "    app(['models', *sys.argv[1:]], standalone_mode=False)\n"
        "except Exception as error:\n"
        "    print(error)\n"
        "print(sorted({'torch', 'scipy', 'transformers'} & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", code, *arguments]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"
    assert message in out.replace("\n", " ")


def test_an_unknown_name_is_told_the_nearest(say: Say, trained: Path, tmp_path: Path) -> None:
    say("models", "push", trained, tmp_path / "models" / "spot")
    ended = say("predict", "spit", "image.png", "--prompt", "upper left")
    assert ended.code == 2
    assert "no run and no model 'spit'" in ended.flat_err
    assert "'spot'" in ended.flat_err


def test_a_hub_is_reached_where_it_is_asked_for_by_name(tmp_path: Path) -> None:
    """`HF_HUB_OFFLINE` is for what nobody asked for. The hub here is a server on this machine that
    has no model at all.
    """
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_POST = do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as hub:
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        place = {
            "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
            "HF_HOME": str(tmp_path),
            "NO_PROXY": "127.0.0.1",
        }
        environment = {
            key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"
        } | place
        command = [sys.executable, "-m", "saywhere", "models", "pull", "hf://owner/name"]
        ended = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=300, check=False
        )
        hub.shutdown()
    assert any("owner/name" in path for path in asked), ended.stderr
    assert ended.returncode == 2
    assert "hf://owner/name" in ended.stderr
    assert "Traceback" not in ended.stderr
