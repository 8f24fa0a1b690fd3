"""What the files around the code promise each other."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import SecretStr

from bot import __version__
from bot.settings import Settings

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LONGEST_FILE = 300  # lines


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def kept() -> Iterator[Path]:
    """The project's files: all but what ``.gitignore`` names, with no need of git itself."""
    ignored = [".git"]
    ignored += [
        line.rstrip("/") for line in read(".gitignore").splitlines() if line[:1] not in "#!"
    ]

    def walk(directory: Path) -> Iterator[Path]:
        for path in sorted(directory.iterdir()):
            if path.name != ".env.example" and any(fnmatch(path.name, each) for each in ignored):
                continue
            if path.is_dir():
                yield from walk(path)
            else:
                yield path

    return walk(ROOT)


FILES = [path.relative_to(ROOT) for path in kept()]
PYTHON_FILES = [path for path in FILES if path.suffix == ".py"]


def instruction(name: str) -> str:
    """What the one Dockerfile line of that name says."""
    (line,) = re.findall(rf"^{name} (.*)$", read("Dockerfile"), re.MULTILINE)
    return str(line)


def pins() -> dict[str, tuple[str, int]]:
    """``bot/deploy/requirements.txt`` as name → (exact version, number of hashes)."""
    found: dict[str, tuple[str, int]] = {}
    for entry in re.split(r"\n(?=[a-z0-9])", read("bot/deploy/requirements.txt")):
        if match := re.match(r"([a-z0-9.-]+)==([^ ;]+)", entry):
            found[match[1]] = (match[2], len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", entry)))
    return found


def test_the_top_level_holds_what_the_design_allows_and_no_more() -> None:
    top = {path.parts[0] for path in FILES}
    assert {name for name in top if not name.startswith(".")} == {
        "Dockerfile",
        "README.md",
        "bot",
        "manifest.yml",
        "pyproject.toml",
        "tests",
    }
    assert {
        ".ci",
        ".dockerignore",
        ".editorconfig",
        ".env.example",
        ".github",
        ".gitignore",
        ".pre-commit-config.yaml",
    } <= top


def test_the_contents_page_of_the_bot_names_each_folder() -> None:
    page = read("bot/__init__.py")
    folders = {path.parts[1] for path in FILES if path.parts[0] == "bot" and len(path.parts) > 2}
    assert [name for name in sorted(folders) if f"``{name}``" not in page] == []


def test_there_is_one_version() -> None:
    assert re.findall(r"^ARG VERSION=(.*)$", read("Dockerfile"), re.MULTILINE) == [__version__]
    assert 'org.opencontainers.image.version="$VERSION"' in read("Dockerfile")
    assert PROJECT["dynamic"] == ["version"]
    assert f"## {__version__}" in read(".github/CHANGELOG.md")


def test_ci_can_be_started() -> None:
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


def test_env_example_names_every_setting_and_gives_away_none() -> None:
    lines = re.findall(r"^#?([A-Z_]+)=(.*)$", read(".env.example"), re.MULTILINE)
    assert sorted(name for name, _ in lines) == sorted(map(str.upper, Settings.model_fields))
    secrets = [value for name, value in lines if re.search("TOKEN|SECRET|KEY", name)]
    assert secrets == [""] * 4


def test_env_example_says_what_each_setting_is_for() -> None:
    paragraphs = [
        part
        for part in read(".env.example").split("\n\n")
        if re.search("^#?[A-Z_]+=", part, re.MULTILINE)
    ]
    assert all(part.startswith("# ") for part in paragraphs)


def test_env_example_shows_the_defaults() -> None:
    shown = dict(re.findall(r"^#([A-Z_]+)=(.*)$", read(".env.example"), re.MULTILINE))
    for name, value in shown.items():
        default = Settings.model_fields[name.lower()].default
        if isinstance(default, SecretStr):
            default = default.get_secret_value()
        assert default is None or str(default).lower().rstrip("/") == value.rstrip("/"), name


@pytest.mark.parametrize(
    "text", PROJECT["dependencies"] + PROJECT["optional-dependencies"]["postgres"]
)
def test_each_runtime_dependency_is_pinned_within_its_range(text: str) -> None:
    dependency = Requirement(text)
    version, hashes = pins()[canonicalize_name(dependency.name)]
    assert dependency.specifier.contains(version)
    assert hashes


def test_every_pin_has_a_hash() -> None:
    assert pins()
    assert [name for name, (_, hashes) in pins().items() if not hashes] == []


@pytest.mark.parametrize("group", ["runtime", "demo", "dev", "postgres"])
def test_a_dependency_has_a_range_and_a_reason(group: str) -> None:
    extras = PROJECT["optional-dependencies"]
    for text in PROJECT["dependencies"] if group == "runtime" else extras[group]:
        operators = {part.operator for part in Requirement(text).specifier}
        ourselves = Requirement(text).name == PROJECT["name"]
        assert operators == (set() if ourselves else {">=", "<"}), text
        assert re.search(re.escape(f'"{text}",') + r" +# \w", read("pyproject.toml")), text


@pytest.mark.parametrize("path", FILES, ids=str)
def test_no_file_names_a_package_registry_or_a_machine(path: Path) -> None:
    text = (ROOT / path).read_bytes().decode("utf-8", errors="replace")
    found = re.findall(
        r"https?://[^\s\"]+\.(?:whl|tar\.gz|tgz|deb)\b"  # a download
        r"|(?:files\.pythonhosted|pypi|registry\.npmjs)\.org"  # a registry
        r"|-{2}(?:extra-index-url|index-url|find-links)"  # the way to one
        r"|(?<![\w.])/(?:work|root|home)/\w|\.\./shared",  # one machine's path
        text,
    )
    assert found == []


def test_the_workflow_covers_every_supported_python() -> None:
    matrix = yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"]["project"]["strategy"]
    versions = matrix["matrix"]["python"]
    (image,) = set(re.findall(r"^FROM python:(\d\.\d+)-", read("Dockerfile"), re.MULTILINE))
    assert PROJECT["requires-python"] == f">={versions[0]}"
    assert versions == [f"3.{minor}" for minor in range(11, int(image.split(".")[1]) + 1)]


def test_dependabot_looks_where_the_dependencies_are() -> None:
    updates = yaml.safe_load(read(".github/dependabot.yml"))["updates"]
    assert {(each["package-ecosystem"], each["directory"]) for each in updates} == {
        ("pip", "/"),
        ("pip", "/bot/deploy"),
        ("docker", "/"),
        ("github-actions", "/"),
    }


def test_the_checks_before_a_commit_are_those_of_ci() -> None:
    (repo,) = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    programs = {hook["entry"].split()[0] for hook in repo["hooks"]}
    assert programs == {
        f".venv/bin/{name}" for name in re.findall(r"^check (\S+)", read(".ci/run"), re.MULTILINE)
    }


def test_health_check_and_start_are_programs_not_shell_lines() -> None:
    """In shell form ``sh`` is process 1, and the bot never sees the SIGTERM."""
    assert json.loads(instruction("CMD")) == ["python", "-m", "bot"]
    options, command = instruction("HEALTHCHECK").split(" CMD ")
    assert "--start-period" in options
    program, flag, code = json.loads(command)
    assert (program, flag) == ("python", "-c")
    compile(code, "HEALTHCHECK", "exec")
    assert "/healthz" in code
    assert "PORT" in code


def test_both_stages_and_the_compiled_library_are_of_one_python() -> None:
    versions = re.findall(r"python:?(\d\.\d+)\b", read("Dockerfile"))
    assert len(versions) == 3
    assert len(set(versions)) == 1


def test_the_image_runs_as_nobody_and_holds_only_what_runs() -> None:
    user = instruction("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    _, _, final = read("Dockerfile").split("\nFROM ")
    assert re.findall(r"^COPY .*$", final, re.MULTILINE) == [
        "COPY --from=build /opt/venv /opt/venv",
        f"COPY --from=build --chown={user} /src/data /app/data",
    ]
    assert instruction("VOLUME") == "/app/data"
    default = Settings.model_fields["database_url"].default.get_secret_value()
    assert default.partition("///")[2].startswith("data/")
    for name in ("requirements.txt", "build-requirements.txt"):
        assert f"--require-hashes -r bot/deploy/{name}" in read("Dockerfile")
    assert "[dev]" not in read("Dockerfile")


def test_no_secret_can_reach_a_layer() -> None:
    assert not re.search(r"^(ENV|ARG) .*(TOKEN|SECRET|KEY)", read("Dockerfile"), re.MULTILINE)
    assert read(".dockerignore").splitlines().index("*") < read(".dockerignore").index("!")
    allowed = {line for line in read(".dockerignore").splitlines() if line.startswith("!")}
    locked = {"!bot/deploy/requirements.txt", "!bot/deploy/build-requirements.txt"}
    assert allowed == {"!pyproject.toml", "!bot"} | locked


def test_the_base_image_is_named_by_its_digest() -> None:
    bases = re.findall(r"^FROM (\S+)", read("Dockerfile"), re.MULTILINE)
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:[\w.-]+@sha256:[0-9a-f]{64}", bases[0])


def test_the_tool_that_builds_the_image_is_pinned_within_the_range_of_the_project() -> None:
    (entry,) = re.findall(
        r"^(\w+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}[ \\]*\n)+)",
        read("bot/deploy/build-requirements.txt"),
        re.MULTILINE,
    )
    (needed,) = tomllib.loads(read("pyproject.toml"))["build-system"]["requires"]
    assert Requirement(needed).name == entry[0]
    assert Requirement(needed).specifier.contains(entry[1])
    assert "--no-build-isolation" in read("Dockerfile")


@pytest.mark.parametrize("path", [each for each in PYTHON_FILES if each.parts[0] == "bot"], ids=str)
def test_a_file_of_the_bot_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(read(str(path)).splitlines()) < LONGEST_FILE


@pytest.mark.parametrize("path", [each for each in PYTHON_FILES if each.parts[0] == "bot"], ids=str)
def test_no_pattern_needs_what_a_supported_python_mishandles(path: Path) -> None:
    """Before 3.11.5, possessive quantifiers and atomic groups can miss a match (gh-106052)."""
    tree = ast.parse(read(str(path)))
    strings = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    found = [
        text
        for text in strings
        if isinstance(text, str) and re.search(r"(?<!\\)[*+?}]\+|\(\?>", text)
    ]
    assert found == []


@pytest.mark.parametrize(
    "path", [each for each in PYTHON_FILES if each.parts[0] == "tests"], ids=str
)
def test_the_world_is_faked_at_the_wire_not_patched(path: Path) -> None:
    for node in ast.walk(ast.parse(read(str(path)))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            names = [ast.unparse(node)] if isinstance(node, ast.Attribute) else []
        patched = [
            name for name in names if re.match(r"(unittest\.)?mock\b|monkeypatch\.setattr", name)
        ]
        assert patched == []
